"""Keeps the pool's worker processes running: starts them, ends them, and replaces those that die."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from plugins.runtime.sandbox_status import missing
from plugins.runtime.worker_process import WorkerOptions, WorkerProcess

logger = logging.getLogger("hostbridge.runtime")

RETRY_SECONDS = 0.5


class Supervisor:
    """Keeps `size` workers running on the event loop of `start`. Passes each new one to `on_ready`."""

    def __init__(
        self, *, size: int, options: WorkerOptions, on_ready: Callable[[WorkerProcess], None]
    ) -> None:
        self.size = size
        self.options = options
        self.missing = size
        self.replaced = 0
        self.full = asyncio.Event()
        self._on_ready = on_ready
        self._workers: set[WorkerProcess] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._layers: dict[str, str] = {}
        self._layers_known = threading.Event()
        # One thread that lives as long as the workers: see WorkerProcess.start.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="worker-starter")
        self._filling = False
        self._closed = False

    def start(self) -> None:
        """Starts the missing workers, one after the other."""
        if not self._filling and not self._closed:
            self._filling = True
            self._run(self._fill())

    def replace(self, worker: WorkerProcess) -> None:
        """Ends the worker, dead or alive, and starts another in its place."""
        self.replaced += 1
        self.missing += 1
        self.full.clear()
        self._workers.discard(worker)
        self._run(worker.end())
        self.start()

    def pids(self) -> list[int]:
        return [worker.pid for worker in list(self._workers)]

    def layers(self, timeout_seconds: float = 5) -> dict[str, str]:
        """The statuses of the sandbox layers in the newest worker. Empty if no worker starts in time.

        Blocks until a worker is up: never call it on the event loop.
        """
        self._layers_known.wait(timeout_seconds)
        return self._layers

    async def close(self) -> None:
        """Ends every worker, including busy ones."""
        self._closed = True
        self.full.set()
        for worker in self._workers:
            self._run(worker.end())
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._workers.clear()
        self._starter.shutdown()

    async def _fill(self) -> None:
        while self.missing and not self._closed:
            try:
                worker = await WorkerProcess.start(self.options, starter=self._starter)
            except Exception:  # without another attempt, calls would never get a worker
                if not self._closed:
                    logger.exception("A worker did not start; trying again in %s s", RETRY_SECONDS)
                    await asyncio.sleep(RETRY_SECONDS)
                continue
            if self._closed:
                await worker.end()
                break
            self._workers.add(worker)
            self.missing -= 1
            self._note_layers(worker.layers)
            self._on_ready(worker)
        self._filling = False
        self.full.set()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note_layers(self, layers: dict[str, str]) -> None:
        if layers == self._layers:
            return
        self._layers = layers
        self._layers_known.set()
        if lacking := missing(layers):
            lines = "".join(f"\n  {name}: {meaning}" for name, meaning in lacking.items())
            logger.warning("Workers run without these sandbox layers:%s", lines)
        else:
            logger.info("Workers run with all sandbox layers: %s", ", ".join(layers))
