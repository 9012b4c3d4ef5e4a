"""Decides which call gets the next worker. Pure bookkeeping: no processes, no clock, no event loop.

Admission is bounded: so many calls run, so many wait, the rest are refused at once. Calls are served in the
order in which they came, except that no plugin occupies more than its share of the workers or of the queue. A
slow plugin waits for itself, and the others pass it by.
"""

import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Overloaded(Exception):
    """No worker became free in time, or too many calls are waiting already."""


class Worker(Protocol):
    last_plugin: str


W = TypeVar("W", bound=Worker)


@dataclass(eq=False)
class Ticket(Generic[W]):
    """One call: waiting, then at a worker. `share`: how many workers its plugin may occupy at a time.

    `wake` is called when the call gets a worker or is cancelled.
    """

    call_id: uuid.UUID
    plugin: str
    share: int
    worker: W | None = None
    cancelled: bool = False
    wake: Callable[[], object] = lambda: None

    @property
    def has_turn(self) -> bool:
        return self.worker is not None or self.cancelled


class AdmissionQueue(Generic[W]):
    """`workers`: how many there are when all are up. `length`: how many calls may wait."""

    def __init__(self, *, workers: int, length: int) -> None:
        self.share = max(1, workers - 1)  # one worker is always left for other plugins
        self.length = length
        self.idle: deque[W] = deque()
        self.waiting: deque[Ticket[W]] = deque()
        self.tickets: dict[uuid.UUID, Ticket[W]] = {}
        self._running: Counter[str] = Counter()

    @property
    def running(self) -> int:
        return self._running.total()

    def enter(self, call_id: uuid.UUID, plugin: str, share: int | None = None) -> Ticket[W]:
        """Queues a call. Raises Overloaded if the queue, or this plugin's half of it, is full."""
        ticket: Ticket[W] = Ticket(call_id, plugin, min(share or self.share, self.share))
        self.waiting.append(ticket)
        self._hand_out()
        if ticket.worker is None and not self._within_bounds(ticket):
            self.waiting.remove(ticket)
            raise Overloaded("Too many calls are waiting already.")
        self.tickets[call_id] = ticket
        return ticket

    def leave(self, ticket: Ticket[W], *, reuse_worker: bool) -> None:
        """The call has ended or gave up waiting. Its worker, if any, comes back only with `reuse_worker`."""
        self.tickets.pop(ticket.call_id, None)
        if ticket.worker is None:
            if ticket in self.waiting:
                self.waiting.remove(ticket)
            return
        self._stop_running(ticket)
        if reuse_worker:
            self.idle.append(ticket.worker)
        self._hand_out()

    def requeue(self, ticket: Ticket[W]) -> None:
        """The ticket's worker is unusable and does not come back: the call is next in line for another."""
        self._stop_running(ticket)
        ticket.worker = None
        self.waiting.appendleft(ticket)
        self._hand_out()

    def add(self, worker: W) -> None:
        """A new worker."""
        self.idle.append(worker)
        self._hand_out()

    def remove(self, worker: W) -> bool:
        """Takes an idle worker away. False if it is not idle."""
        if worker not in self.idle:
            return False
        self.idle.remove(worker)
        return True

    def _within_bounds(self, ticket: Ticket[W]) -> bool:
        same_plugin = sum(other.plugin == ticket.plugin for other in self.waiting)
        return len(self.waiting) <= self.length and same_plugin <= max(1, self.length // 2)

    def _hand_out(self) -> None:
        """Gives idle workers to waiting calls: first the oldest whose plugin is below its share."""
        while self.idle:
            ticket = next((t for t in self.waiting if self._running[t.plugin] < t.share), None)
            if ticket is None:
                return
            self.waiting.remove(ticket)
            self._running[ticket.plugin] += 1
            ticket.worker = self._best_for(ticket)
            ticket.wake()

    def _best_for(self, ticket: Ticket[W]) -> W:
        """The idle worker that served this plugin last, which may have an instance ready. Or the next one."""
        for worker in self.idle:
            if worker.last_plugin == ticket.plugin:
                self.idle.remove(worker)
                return worker
        return self.idle.popleft()

    def _stop_running(self, ticket: Ticket[W]) -> None:
        self._running[ticket.plugin] -= 1
        if not self._running[ticket.plugin]:
            del self._running[ticket.plugin]
