"""Decides which call gets the next worker. Pure bookkeeping: no processes, no clock, no event loop.

The numbers of running and waiting calls are bounded; further calls are refused at once. Calls are served in
order of arrival, except that no plugin gets more than its share of the workers or of the queue. So calls of a
slow plugin wait for each other, and calls of other plugins overtake them.
"""

import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Overloaded(Exception):
    """No worker became free in time, or too many calls are already waiting."""


class Worker(Protocol):
    last_plugin: str


W = TypeVar("W", bound=Worker)


@dataclass(eq=False)
class Ticket(Generic[W]):
    """One call, first waiting, then with a worker. `share`: how many workers its plugin may use at a time.

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
            raise Overloaded("Too many calls are already waiting.")
        self.tickets[call_id] = ticket
        return ticket

    def leave(self, ticket: Ticket[W], *, reuse_worker: bool) -> None:
        """Removes a call that ended or gave up. With `reuse_worker`, its worker becomes idle again."""
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
        """Takes an unusable worker from the ticket, which becomes the next in line for another worker."""
        self._stop_running(ticket)
        ticket.worker = None
        self.waiting.appendleft(ticket)
        self._hand_out()

    def add(self, worker: W) -> None:
        """Adds a new worker, idle."""
        self.idle.append(worker)
        self._hand_out()

    def remove(self, worker: W) -> bool:
        """Removes an idle worker. False if it is not idle."""
        if worker not in self.idle:
            return False
        self.idle.remove(worker)
        return True

    def _within_bounds(self, ticket: Ticket[W]) -> bool:
        same_plugin = sum(other.plugin == ticket.plugin for other in self.waiting)
        return len(self.waiting) <= self.length and same_plugin <= max(1, self.length // 2)

    def _hand_out(self) -> None:
        """Gives idle workers to waiting calls: always to the oldest whose plugin is below its share."""
        while self.idle:
            ticket = next((t for t in self.waiting if self._running[t.plugin] < t.share), None)
            if ticket is None:
                return
            self.waiting.remove(ticket)
            self._running[ticket.plugin] += 1
            ticket.worker = self._best_for(ticket)
            ticket.wake()

    def _best_for(self, ticket: Ticket[W]) -> W:
        """The idle worker that last served this plugin and may have an instance ready, or any other."""
        for worker in self.idle:
            if worker.last_plugin == ticket.plugin:
                self.idle.remove(worker)
                return worker
        return self.idle.popleft()

    def _stop_running(self, ticket: Ticket[W]) -> None:
        self._running[ticket.plugin] -= 1
        if not self._running[ticket.plugin]:
            del self._running[ticket.plugin]
