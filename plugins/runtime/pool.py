"""The workers of one server process, and who gets the next one.

Admission is bounded: so many calls run, so many wait, the rest are told at once to come back later. Workers
are handed out in the order of asking and taken back first in, first out; the other way starves callers.
"""

import logging
import threading
import time
from collections import deque
from pathlib import Path

from plugins.runtime.cache import write_cache_config
from plugins.runtime.filler import CacheFiller
from plugins.runtime.layers import missing
from plugins.runtime.process import Answer, HostHandler, Job, WorkerProcess
from plugins.runtime.protocol import Closed, ProtocolError

logger = logging.getLogger("hostbridge.runtime")

# Besides the guests' memory: Python, libextism and the compiled modules.
WORKER_BASE_BYTES = 512 << 20


class Overloaded(Exception):
    """No worker became free in time, or too many callers wait already."""


class Pool:
    """`size` workers. Calls come from any thread and run in the thread that asks.

    Workers are started by one thread that lives as long as the pool: a worker asks the kernel to be killed
    with its parent, and the kernel counts the thread that started it as the parent.
    """

    def __init__(
        self, *, size: int, queue: int, queue_timeout_ms: int, guest_memory_bytes: int, cache_dir: Path
    ) -> None:
        self.size = size
        self.queue = queue
        self.queue_timeout_ms = queue_timeout_ms
        self._memory_bytes = WORKER_BASE_BYTES + guest_memory_bytes
        self._cache_config = write_cache_config(cache_dir)
        self._condition = threading.Condition()
        self._idle: deque[WorkerProcess] = deque()
        self._busy: set[WorkerProcess] = set()
        self._waiting: deque[object] = deque()
        self._missing = size
        self._closed = False
        self._layers: dict[str, str] = {}
        self._layers_known = threading.Event()
        self._starter = threading.Thread(target=self._keep_full, name="worker-starter", daemon=True)
        self._starter.start()
        self._filler = CacheFiller(
            lambda: WorkerProcess.start(
                memory_bytes=self._memory_bytes, cache_config=self._cache_config, cache_writable=True
            )
        )

    def run(self, job: Job, handle: HostHandler) -> tuple[Answer, float]:
        """The answer and the milliseconds spent waiting for a worker.

        Raises Overloaded, and what WorkerProcess.call raises.
        """
        started = time.monotonic()
        worker = self._take(started + self.queue_timeout_ms / 1000)
        while not worker.alive:  # ended while idle, by the kernel's OOM killer for one
            self._give_back(worker)
            worker = self._take(started + self.queue_timeout_ms / 1000)
        queue_ms = (time.monotonic() - started) * 1000
        try:
            return worker.call(job, handle), queue_ms
        finally:
            if job.module in worker.modules:
                self._filler.fill(job)
            self._give_back(worker)

    def close(self) -> None:
        """Ends every worker, also busy ones; later calls are refused."""
        with self._condition:
            self._closed = True
            workers = [*self._idle, *self._busy]
            self._idle.clear()
            self._condition.notify_all()
        for worker in workers:
            worker.kill()
        self._filler.close()
        self._starter.join(timeout=5)

    def pids(self) -> list[int]:
        with self._condition:
            return [worker.pid for worker in (*self._idle, *self._busy)]

    def layers(self, timeout_seconds: float = 5) -> dict[str, str]:
        """How the layers of the newest worker's confinement turned out; empty if none came up in time."""
        self._layers_known.wait(timeout_seconds)
        return self._layers

    def _take(self, deadline: float) -> WorkerProcess:
        ticket = object()
        with self._condition:
            if len(self._waiting) >= self.queue + len(self._idle):
                raise Overloaded("Too many calls are waiting already.")
            self._waiting.append(ticket)
            try:
                self._condition.wait_for(
                    lambda: self._closed or (self._idle and self._waiting[0] is ticket),
                    timeout=deadline - time.monotonic(),
                )
                if self._closed:
                    raise Overloaded("The server is stopping.")
                if not self._idle or self._waiting[0] is not ticket:
                    raise Overloaded("No worker became free in time.")
                worker = self._idle.popleft()
                self._busy.add(worker)
                return worker
            finally:
                self._waiting.remove(ticket)
                self._condition.notify_all()

    def _give_back(self, worker: WorkerProcess) -> None:
        with self._condition:
            self._busy.discard(worker)
            reusable = worker.alive and not self._closed
            if reusable:
                self._idle.append(worker)
            else:
                self._missing += 1
            self._condition.notify_all()
        if not reusable:
            worker.kill()  # dead or not: its socket is closed and its exit is collected

    def _keep_full(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._missing)
                if self._closed:
                    return
            try:
                worker = self._start_worker()
            except (Closed, OSError, ProtocolError, ValueError):
                logger.exception("A worker could not be started; trying again")
                time.sleep(0.5)
                continue
            with self._condition:
                if not self._closed:
                    self._missing -= 1
                    self._idle.append(worker)
                    self._condition.notify_all()
                    continue
            worker.kill()  # the pool was closed while it started
            return

    def _start_worker(self) -> WorkerProcess:
        """A worker that is up. Raises Closed, OSError, ProtocolError and ValueError."""
        worker = WorkerProcess.start(memory_bytes=self._memory_bytes, cache_config=self._cache_config)
        try:
            layers = worker.wait_ready()
        except BaseException:
            worker.kill()
            raise
        if layers != self._layers:
            _log_layers(layers)
            self._layers = layers
            self._layers_known.set()
        return worker


def _log_layers(layers: dict[str, str]) -> None:
    if lacking := missing(layers):
        told = "".join(f"\n  {name}: {meaning}" for name, meaning in lacking.items())
        logger.warning("Workers run without these layers of their confinement:%s", told)
    else:
        logger.info("Workers are confined by all layers: %s", ", ".join(layers))
