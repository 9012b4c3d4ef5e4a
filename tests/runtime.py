"""Calls modules through the runtime alone, without plugins, users and records."""

import uuid
from collections.abc import Callable
from pathlib import Path

from plugins.bundles.wasm import read_module
from plugins.runtime.engine import Offload, PrivateEngine
from plugins.runtime.job import HostHandler, Job, JobResult
from plugins.runtime.pool import Census, Pool
from plugins.runtime.protocol import GuestRequest, HostReply
from plugins.runtime.worker_process import WorkerOptions, WorkerProcess

# A synchronous host, which runs in the caller's thread.
Host = Callable[[GuestRequest, float], HostReply]


def make_job(
    name: str,
    wasm: Callable[[], bytes],
    function: str = "run",
    payload: bytes = b"",
    *,
    timeout_ms: int = 5000,
    memory_mb: int = 64,
) -> Job:
    """`name` replaces the module's sha256: the same name means the same module."""
    return Job(
        sha256=name,
        wasm=wasm,
        function=function,
        payload=payload,
        timeout_ms=timeout_ms,
        max_pages=memory_mb * 16,
        max_output_bytes=1 << 20,
        max_host_calls=10_000,
        max_bridge_bytes=64 << 20,
        imports=read_module(wasm()).import_names,
    )


def refuse(request: GuestRequest, deadline: float) -> HostReply:
    raise AssertionError(f"unexpected {request}")


class RunningWorker:
    """A single worker without a pool, for use from a test's threads."""

    def __init__(
        self, engine: PrivateEngine, options: WorkerOptions, *, cache_writable: bool = False
    ) -> None:
        self._engine = engine
        self._worker = engine.run(lambda _: WorkerProcess.start(options, cache_writable=cache_writable))
        self.pid = self._worker.pid
        self.layers = self._worker.layers

    def load(self, job: Job) -> float:
        return self._engine.run(lambda _: self._worker.load(job))

    def call(self, job: Job, host: Host = refuse) -> JobResult:
        return self._engine.run(lambda offload: self._worker.call(job, _handler(host, offload)))

    def end(self) -> None:
        self._engine.run(lambda _: self._worker.end())


def _handler(host: Host, offload: Offload) -> HostHandler:
    async def handle(request: GuestRequest, deadline: float) -> HostReply:
        return await offload(host, request, deadline)

    return handle


class RunningPool:
    """A pool on a private engine, for use from a test's threads."""

    def __init__(
        self, cache_dir: Path, *, size: int = 1, queue: int = 1, queue_timeout_ms: int = 5000
    ) -> None:
        self.engine = PrivateEngine(
            lambda: Pool(
                size=size,
                queue=queue,
                queue_timeout_ms=queue_timeout_ms,
                guest_memory_bytes=64 << 20,
                cache_dir=cache_dir,
            )
        )
        self.pool = self.engine.pool
        self._open = True

    def run(
        self,
        job: Job,
        host: Host = refuse,
        plugin: str = "any",
        *,
        call_id: uuid.UUID | None = None,
        on_start: Callable[[], None] = lambda: None,
    ) -> tuple[JobResult, float]:
        async def run(offload: Offload) -> tuple[JobResult, float]:
            with self.pool.admit(call_id or uuid.uuid4(), plugin) as ticket:
                return await self.pool.run(ticket, job, _handler(host, offload), on_start)

        return self.engine.run(run)

    def warm(self, plugin: str, job: Job) -> None:
        self.engine.run(lambda _: self.pool.warm(plugin, job))

    def cancel(self, call_id: uuid.UUID) -> bool:
        return self.engine.cancel(call_id)

    def pids(self) -> list[int]:
        return self.pool.pids()

    def census(self) -> Census:
        return self.pool.census()

    def layers(self) -> dict[str, str]:
        return self.pool.layers(timeout_seconds=30)

    def close(self) -> None:
        """Closes the pool. The engine's loop keeps running, and calls are refused."""
        self.engine.run(lambda _: self.engine.close())

    def shut_down(self) -> None:
        self.engine.shut_down()
