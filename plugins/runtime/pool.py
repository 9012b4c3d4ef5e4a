"""The workers of one server process: admits calls, gives each a worker, and takes the worker back.

Everything here runs on one event loop. plugins.runtime.engine is the way in from other threads.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from plugins.runtime.admission_queue import AdmissionQueue, Overloaded, Ticket
from plugins.runtime.cache_warmer import CacheWarmer
from plugins.runtime.compile_cache import blocking_folder, write_cache_config
from plugins.runtime.job import Cancelled, HostHandler, Job, JobResult
from plugins.runtime.supervisor import Supervisor
from plugins.runtime.worker_process import WorkerOptions, WorkerProcess

logger = logging.getLogger("hostbridge.runtime")

CLOSE_SECONDS = 10
SLOW_LOAD_MS = 30  # loading from the compile cache takes less, unless the module is huge
_NO_CACHE = (
    "Workers cannot reach the compile cache: other users may not enter %s. Each worker compiles every module "
    "itself. To fix this, run `chmod o+x %s` or move DATA_DIR."
)

CallTicket = Ticket[WorkerProcess]


class Stopping(Exception):
    """The pool was closed while the call was waiting or running."""


class Census(NamedTuple):
    """The workers and calls at this moment, and counts since the start.

    `starting`: workers that are not up yet. `replaced`: workers that were killed or died. `queue_full` and
    `waited_too_long`: calls refused for that reason.
    """

    busy: int
    idle: int
    starting: int
    waiting: int
    replaced: int
    queue_full: int
    waited_too_long: int


class Pool:
    """`size` workers, and a queue of up to `queue` calls that wait for `queue_timeout_ms` at most."""

    def __init__(
        self, *, size: int, queue: int, queue_timeout_ms: int, guest_memory_bytes: int, cache_dir: Path
    ) -> None:
        options = WorkerOptions(guest_memory_bytes, write_cache_config(cache_dir))
        if folder := blocking_folder(cache_dir):
            logger.warning(_NO_CACHE, folder, folder)
        self.size = size
        self.queue_timeout_ms = queue_timeout_ms
        self.supervisor = Supervisor(size=size, options=options, on_ready=self._add)
        self._queue: AdmissionQueue[WorkerProcess] = AdmissionQueue(workers=size, length=queue)
        self._warmer = CacheWarmer(options)
        self._queue_full = self._waited_too_long = 0
        self._closed = False
        self._call_left = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether any call waits or runs."""
        return bool(self._queue.tickets)

    @contextlib.contextmanager
    def admit(self, call_id: uuid.UUID, plugin: str, share: int | None = None) -> Iterator[CallTicket]:
        """Admits a call for the `with` block. `share`: limits the plugin to fewer workers than usual.

        Raises Overloaded at once if the queue, or this plugin's half of it, is full.
        """
        if self._closed:
            raise Overloaded("The server is stopping.")
        try:
            ticket = self._queue.enter(call_id, plugin, share)
        except Overloaded:
            self._queue_full += 1
            raise
        try:
            yield ticket
        finally:
            worker = ticket.worker
            reusable = worker is not None and worker.usable and not self._closed
            self._queue.leave(ticket, reuse_worker=reusable)
            if worker is not None and not reusable:
                self.supervisor.replace(worker)
            self._call_left.set()

    async def run(
        self, ticket: CallTicket, job: Job, handle: HostHandler, on_start: Callable[[], None] = lambda: None
    ) -> tuple[JobResult, float]:
        """The result, and the milliseconds spent waiting for a worker. Calls `on_start` once it has one.

        Raises Overloaded, Stopping and WorkerErrors.
        """
        started = time.monotonic()
        worker = await self._worker_for(ticket, job.module, started + self.queue_timeout_ms / 1000)
        queue_ms = (time.monotonic() - started) * 1000
        on_start()
        try:
            result = await worker.call(job, handle)
        except Cancelled as error:
            raise self._cancelled() from error
        if result.load_ms > SLOW_LOAD_MS:
            self._warmer.warm(job)
        return result, queue_ms

    async def warm(self, plugin: str, job: Job) -> None:
        """Loads the job's module into an idle worker, which then serves the plugin's next call.

        Waits until all workers are up, so that plugins warmed in turn get one worker each. Raises Overloaded,
        Stopping and WorkerErrors.
        """
        seconds = self.queue_timeout_ms / 1000
        try:
            await asyncio.wait_for(self.supervisor.full.wait(), seconds)
        except TimeoutError as error:
            raise Overloaded("The workers did not start in time.") from error
        with self.admit(uuid.uuid4(), plugin) as ticket:
            worker = await self._worker_for(ticket, job.module, time.monotonic() + seconds)
            if await worker.load(job) > SLOW_LOAD_MS:
                self._warmer.warm(job)

    def cancel(self, call_id: uuid.UUID) -> bool:
        """Cancels a waiting or running call, which then raises Cancelled. False if it is not here."""
        ticket = self._queue.tickets.get(call_id)
        if ticket is None:
            return False
        ticket.cancelled = True
        if ticket.worker is not None:
            ticket.worker.cancel()
        ticket.wake()
        return True

    async def close(self) -> None:
        """Refuses new calls, ends every call and every worker.

        Waits until each call has left the pool, but not for ever: a host call may hang in the database.
        """
        self._closed = True
        for call_id in [*self._queue.tickets]:
            self.cancel(call_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._queue.tickets:
                    self._call_left.clear()
                    await self._call_left.wait()
        await self._warmer.close()
        await self.supervisor.close()

    def count_refusal(self) -> None:
        """Counts a call that was refused before it asked for admission."""
        self._queue_full += 1

    def pids(self) -> list[int]:
        return self.supervisor.pids()

    def layers(self, timeout_seconds: float = 5) -> dict[str, str]:
        """As Supervisor.layers, which blocks: never call it on the event loop."""
        return self.supervisor.layers(timeout_seconds)

    def census(self) -> Census:
        """Safe to call from any thread."""
        return Census(
            busy=self._queue.running,
            idle=len(self._queue.idle),
            starting=self.supervisor.missing,
            waiting=len(self._queue.waiting),
            replaced=self.supervisor.replaced,
            queue_full=self._queue_full,
            waited_too_long=self._waited_too_long,
        )

    async def _worker_for(self, ticket: CallTicket, module: str, deadline: float) -> WorkerProcess:
        """Waits until the ticket has a worker that can take a call of the module.

        Raises Stopping, Cancelled, and Overloaded if that takes too long.
        """
        while True:
            if not ticket.has_turn:
                await _turn(ticket, deadline)
            if ticket.cancelled:
                raise self._cancelled()
            worker = ticket.worker
            if worker is None:
                self._waited_too_long += 1
                raise Overloaded("No worker became free in time.")
            if await worker.settle(module):
                worker.last_plugin = ticket.plugin
                return worker
            # It died, perhaps by the kernel's OOM killer, or is still busy with the previous call.
            if not ticket.cancelled:
                logger.warning(
                    "A worker was not ready after a call of “%s” and is replaced", worker.last_plugin
                )
            self._queue.requeue(ticket)
            self.supervisor.replace(worker)

    def _cancelled(self) -> Exception:
        return Stopping() if self._closed else Cancelled()

    def _add(self, worker: WorkerProcess) -> None:
        worker.channel.on_lost = lambda: self._lost(worker)
        self._queue.add(worker)

    def _lost(self, worker: WorkerProcess) -> None:
        """Replaces a worker that died idle. A busy one is replaced when its call ends."""
        if self._queue.remove(worker) and not self._closed:
            logger.warning("An idle worker died and is replaced")
            self.supervisor.replace(worker)


async def _turn(ticket: CallTicket, deadline: float) -> None:
    """Waits until the ticket has a worker or is cancelled, or until the deadline."""
    loop = asyncio.get_running_loop()
    turn: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not turn.done():
            turn.set_result(None)

    ticket.wake = wake
    timer = loop.call_later(max(deadline - time.monotonic(), 0), wake)
    try:
        await turn
    finally:
        timer.cancel()
