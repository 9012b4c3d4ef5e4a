"""The workers of one server process, and who gets the next one.

Admission is bounded: so many calls run, so many wait, the rest are told at once to come back later. Callers
are served in the order of asking, except that no plugin takes more workers, or more places in the queue,
than its share: a slow one waits for itself, and the others pass by.
"""

import asyncio
import logging
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from plugins.runtime.cache_warmer import CacheWarmer
from plugins.runtime.compile_cache import in_the_way, write_cache_config
from plugins.runtime.job import AsyncHostHandler, Cancelled, HostHandler, Job, JobResult
from plugins.runtime.process import WorkerProcess
from plugins.runtime.protocol import Closed, ProtocolError
from plugins.runtime.sandbox_status import missing

logger = logging.getLogger("hostbridge.runtime")

SLOW_LOAD_MS = 30  # from the compile cache it takes less, unless the module is huge

_NO_CACHE = (
    "Workers cannot reach the compile cache: other users may not pass %s. Each compiles every module. "
    "`chmod o+x %s` mends that, or a DATA_DIR elsewhere."
)

# Besides the guests' memory: Python, libextism and the compiled modules.
WORKER_BASE_BYTES = 512 << 20


class Overloaded(Exception):
    """No worker became free in time, or too many callers wait already."""


class Stopping(Exception):
    """The pool was closed while the call waited or ran."""


class Census(NamedTuple):
    """How many workers and waiting calls there are; and of each kind, how many there were since the start.

    `starting`: workers that are missing. `replaced`: those that were killed or died. `queue_full`,
    `waited_too_long`: why calls were refused.
    """

    busy: int
    idle: int
    starting: int
    waiting: int
    replaced: int
    queue_full: int
    waited_too_long: int


@dataclass(eq=False)
class Ticket:
    """One call's place: in the queue, then at a worker; left at the end of a `with`. `plugin` is whose share
    it counts to.

    `wake` is called, from any thread, when its turn has come.
    """

    call_id: uuid.UUID
    plugin: str
    share: int
    leave: "Callable[[Ticket], None]"
    worker: WorkerProcess | None = None
    cancelled: bool = False
    wake: Callable[[], object] = lambda: None

    @property
    def has_turn(self) -> bool:
        return self.worker is not None or self.cancelled

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave(self)


class Pool:
    """`size` workers. Calls come from any thread, and from the event loop.

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
        if closed := in_the_way(cache_dir):
            logger.warning(_NO_CACHE, closed, closed)
        self._lock = threading.Lock()
        self._missing_changed = threading.Condition(self._lock)
        self._idle: deque[WorkerProcess] = deque()
        self._waiting: deque[Ticket] = deque()
        self._places: dict[uuid.UUID, Ticket] = {}
        self._running: Counter[str] = Counter()
        self._missing = size
        self._replaced = self._queue_full = self._waited_too_long = 0
        self._closed = False
        self._layers: dict[str, str] = {}
        self._layers_known = threading.Event()
        self._starter = threading.Thread(target=self._keep_full, name="worker-starter", daemon=True)
        self._starter.start()
        self._filler = CacheWarmer(
            lambda: WorkerProcess.start(
                memory_bytes=self._memory_bytes, cache_config=self._cache_config, cache_writable=True
            )
        )

    @property
    def share(self) -> int:
        """How many workers one plugin may have at a time: all but one, which is for the others."""
        return max(1, self.size - 1)

    def place(self, call_id: uuid.UUID, plugin: str, share: int | None = None) -> Ticket:
        """A place for one call, for a `with`, at whose end it is left. `share`: fewer workers than usual.

        Raises Overloaded at once if the queue, or this plugin's half of it, is full.
        """
        place = Ticket(call_id, plugin, min(share or self.share, self.share), self._leave)
        with self._lock:
            self._admit(place)
        return place

    def run(
        self, place: Ticket, job: Job, handle: HostHandler, on_start: Callable[[], None] = lambda: None
    ) -> tuple[JobResult, float]:
        """The answer, and the milliseconds spent waiting for a worker. `on_start` is called between the two.

        Raises Overloaded, Stopping and WorkerErrors.
        """
        started = time.monotonic()
        worker = self._wait(place, job.module, started + self.queue_timeout_ms / 1000)
        queue_ms = (time.monotonic() - started) * 1000
        on_start()
        try:
            answer = worker.call(job, handle)
        except Cancelled as error:
            raise self._cancelled_how() from error
        self._note_load(job, answer)
        return answer, queue_ms

    async def run_async(
        self, place: Ticket, job: Job, handle: AsyncHostHandler, on_start: Callable[[], None] = lambda: None
    ) -> tuple[JobResult, float]:
        """As `run`, on the event loop."""
        started = time.monotonic()
        worker = await self._wait_async(place, job.module, started + self.queue_timeout_ms / 1000)
        queue_ms = (time.monotonic() - started) * 1000
        on_start()
        try:
            answer = await worker.call_async(job, handle)
        except Cancelled as error:
            raise self._cancelled_how() from error
        self._note_load(job, answer)
        return answer, queue_ms

    def warm(self, plugin: str, job: Job) -> None:
        """Loads the job's module in an idle worker, to which the plugin's next call then goes.

        Waits until all workers are up: plugins that are warmed one after the other get one each.
        Raises Overloaded, Stopping and WorkerErrors.
        """
        seconds = self.queue_timeout_ms / 1000
        with self._lock:
            self._missing_changed.wait_for(lambda: self._closed or not self._missing, seconds)
        with self.place(uuid.uuid4(), plugin) as place:
            worker = self._wait(place, job.module, time.monotonic() + seconds)
            if worker.load(job) > SLOW_LOAD_MS:
                self._filler.fill(job)

    def _cancelled_how(self) -> Exception:
        return Stopping() if self._closed else Cancelled()

    def _note_load(self, job: Job, answer: JobResult) -> None:
        if answer.load_ms > SLOW_LOAD_MS:
            self._filler.fill(job)

    @property
    def busy(self) -> bool:
        """Whether any call waits or runs."""
        return bool(self._places)

    def cancel(self, call_id: uuid.UUID) -> bool:
        """Ends the call, waiting or running, which then raises Cancelled. False if it is not here."""
        with self._lock:
            place = self._places.get(call_id)
            if place is None:
                return False
            self._cancel(place)
        return True

    def close(self) -> None:
        """Ends every call and every worker; later calls are refused."""
        with self._lock:
            self._closed = True
            for place in self._places.values():
                self._cancel(place)
            idle = [*self._idle]
            self._idle.clear()
            self._missing_changed.notify_all()
        for worker in idle:
            worker.kill()
        self._filler.close()
        self._starter.join(timeout=5)

    def census(self) -> Census:
        with self._lock:
            return Census(
                busy=sum(self._running.values()),
                idle=len(self._idle),
                starting=self._missing,
                waiting=len(self._waiting),
                replaced=self._replaced,
                queue_full=self._queue_full,
                waited_too_long=self._waited_too_long,
            )

    def note_refused(self) -> None:
        """Counts a call that was refused before it asked for a place, because too many are on their way."""
        with self._lock:
            self._queue_full += 1

    def pids(self) -> list[int]:
        with self._lock:
            at_work = [place.worker for place in self._places.values() if place.worker is not None]
            return [worker.pid for worker in (*self._idle, *at_work)]

    def layers(self, timeout_seconds: float = 5) -> dict[str, str]:
        """How the layers of the newest worker's confinement turned out; empty if none came up in time."""
        self._layers_known.wait(timeout_seconds)
        return self._layers

    def _admit(self, place: Ticket) -> None:
        if self._closed:
            raise Overloaded("The server is stopping.")
        self._waiting.append(place)
        self._hand_out()
        if place.worker is not None or self._within_bounds(place):
            self._places[place.call_id] = place
            return
        self._waiting.remove(place)
        self._queue_full += 1
        raise Overloaded("Too many calls are waiting already.")

    def _within_bounds(self, place: Ticket) -> bool:
        same = sum(other.plugin == place.plugin for other in self._waiting)
        return len(self._waiting) <= self.queue and same <= max(1, self.queue // 2)

    def _hand_out(self) -> None:
        """Gives idle workers to those who wait, the first whose plugin has not its share already."""
        while self._idle:
            place = next((p for p in self._waiting if self._running[p.plugin] < p.share), None)
            if place is None:
                return
            self._waiting.remove(place)
            self._running[place.plugin] += 1
            place.worker = self._best_for(place)
            place.wake()

    def _best_for(self, place: Ticket) -> WorkerProcess:
        """The idle worker that served this plugin last: it may have an instance ready. Or the next one."""
        for worker in self._idle:
            if worker.last_plugin == place.plugin:
                self._idle.remove(worker)
                return worker
        return self._idle.popleft()

    def _wait(self, place: Ticket, module: str, deadline: float) -> WorkerProcess:
        turn = threading.Event()
        place.wake = turn.set
        while True:
            turn.clear()
            if not place.has_turn:
                turn.wait(deadline - time.monotonic())
            worker = self._worker_of(place)
            if worker.settle(module):
                worker.last_plugin = place.plugin
                return worker
            self._next_worker_for(place, worker)

    async def _wait_async(self, place: Ticket, module: str, deadline: float) -> WorkerProcess:
        while True:
            if not place.has_turn:
                await _turn(place, deadline)
            worker = self._worker_of(place)
            if await worker.settle_async(module):
                worker.last_plugin = place.plugin
                return worker
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self._next_worker_for, place, worker)

    def _worker_of(self, place: Ticket) -> WorkerProcess:
        """Raises Stopping, Cancelled, or Overloaded if its turn has not come."""
        with self._lock:
            if place.cancelled:
                raise self._cancelled_how()
            if place.worker is None:
                self._waited_too_long += 1
                raise Overloaded("No worker became free in time.")
            return place.worker

    def _next_worker_for(self, place: Ticket, worker: WorkerProcess) -> None:
        """Ends the worker, which was ended while idle (by the kernel's OOM killer for one) or is kept busy by
        the plugin before. That is not this call's fault: it is first in line for the next one.
        """
        logger.warning("A worker was not ready after a call of “%s”; it was replaced", worker.last_plugin)
        worker.kill()
        with self._lock:
            place.worker = None
            self._running[place.plugin] -= 1
            self._waiting.appendleft(place)
            self._replace_one()

    def _leave(self, place: Ticket) -> None:
        with self._lock:
            worker = place.worker  # read here: until now it may be given one, even if it waits no more
            self._places.pop(place.call_id, None)
            if worker is None:
                if place in self._waiting:
                    self._waiting.remove(place)
                return
            self._running[place.plugin] -= 1
            if not self._running[place.plugin]:
                del self._running[place.plugin]
            reusable = worker.usable and not self._closed
            if reusable:
                self._idle.append(worker)
            else:
                self._replace_one()
            self._hand_out()
        if not reusable:
            worker.kill()  # dead or not: its socket is closed and its exit is collected

    def _replace_one(self) -> None:
        self._replaced += 1
        self._missing += 1
        self._missing_changed.notify_all()

    def _cancel(self, place: Ticket) -> None:
        place.cancelled = True
        if place.worker is None:
            place.wake()
        else:
            place.worker.cancel()

    def _keep_full(self) -> None:
        while True:
            with self._lock:
                self._missing_changed.wait_for(lambda: self._closed or self._missing)
                if self._closed:
                    return
            try:
                worker = self._start_worker()
            except (Closed, OSError, ProtocolError, ValueError):
                logger.exception("A worker could not be started; trying again")
                time.sleep(0.5)
                continue
            with self._lock:
                if not self._closed:
                    self._missing -= 1
                    self._missing_changed.notify_all()
                    self._idle.append(worker)
                    self._hand_out()
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


async def _turn(place: Ticket, deadline: float) -> None:
    """Waits for the place's turn, or until the deadline."""
    loop = asyncio.get_running_loop()
    turned: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not turned.done():
            turned.set_result(None)

    own_thread = threading.get_ident()

    def wake() -> None:
        if threading.get_ident() == own_thread:
            settle()
        else:
            loop.call_soon_threadsafe(settle)

    place.wake = wake
    if place.has_turn:  # it came before anybody could be told
        return
    timer = loop.call_later(max(deadline - time.monotonic(), 0), settle)
    try:
        await turned
    finally:
        timer.cancel()


def _log_layers(layers: dict[str, str]) -> None:
    if lacking := missing(layers):
        told = "".join(f"\n  {name}: {meaning}" for name, meaning in lacking.items())
        logger.warning("Workers run without these layers of their confinement:%s", told)
    else:
        logger.info("Workers are confined by all layers: %s", ", ".join(layers))
