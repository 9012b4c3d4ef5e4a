"""Brings events to those who listen: in one order for everybody, each once, also to who comes back late.

Every server process has one Feed. It reads the batches that transactions left (core.events) in the order
of their positions, and so does who resumes after an event: the order in which events are heard is the order
in which they are kept. What other processes told is found by looking, every POLL_SECONDS while anybody here
listens.
"""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Self

from django.db import connection, transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from core import events
from core.models import EventBatch

logger = logging.getLogger("hostbridge.feed")

KEEP_SECONDS = 15 * 60
KEEP_EVENTS = 20_000
POLL_SECONDS = 0.25
TIDY_SECONDS = 10
RETRY_SECONDS = 5
BATCHES_AT_ONCE = 200
_ORDER_LOCK = 0x6665_6564  # any number that nobody else locks


class Position(NamedTuple):
    """Where in the feed: after the event `number` (from 1) of the batch at `position`. An event's id."""

    position: int
    number: int

    def __str__(self) -> str:
        return f"{self.position}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        position, _, number = text.partition("-")
        if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (position, number)):
            return None
        return cls(int(position), int(number))


class Event(NamedTuple):
    groups: frozenset[str]
    type: str
    data: dict[str, Any]
    text: str  # as it goes over the wire


class Missed(NamedTuple):
    """What somebody missed. With a gap, some of it is not kept any more: what is follows from that place."""

    gap: Position | None
    events: list[Event]


# --- what is kept -------------------------------------------------------------------------------------


def put_in_order() -> None:
    """Gives committed batches their positions, above all that were given before."""
    new = EventBatch.objects.filter(position=None)
    if not new.exists():
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite has one writer at a time anyway
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ORDER_LOCK])
        ids = list(new.order_by("pk").values_list("pk", flat=True)[:BATCHES_AT_ONCE])
        if ids:
            EventBatch.objects.filter(pk__in=ids).update(position=newest() + 1 + F("pk") - ids[0])


def newest() -> int:
    """The highest position; 0 before there is any."""
    return EventBatch.objects.aggregate(found=Max("position"))["found"] or 0


def read(
    after: int, until: int | None = None, groups: Set[str] | None = None
) -> Iterator[tuple[int, list[Event]]]:
    """The batches with positions above `after`, up to `until`, in order. With `groups`: only those that may
    have something for one of them.
    """
    batches = EventBatch.objects.filter(position__gt=after).order_by("position")
    if until is not None:
        batches = batches.filter(position__lte=until)
    named = None if groups is None else [f'"{group}"' for group in groups]
    for batch in batches.iterator():
        # To look for a text takes a hundredth of what it takes to read and write all the events.
        if named is not None and not any(name in batch.events for name in named):
            continue
        position = int(batch.position or 0)  # the filter let no other through
        yield (
            position,
            [_event(Position(position, number), one) for number, one in enumerate(batch.told(), 1)],
        )


def missed(after: Position | None, until: int, groups: Set[str]) -> Missed:
    """What these groups were told after a place (None: one that nobody knows) and up to a position."""
    oldest = EventBatch.objects.aggregate(found=Min("position"))["found"] or until + 1
    gap = None
    if after is None or after.position < oldest or after > Position(until + 1, 0):
        after = gap = Position(oldest, 0)
    kept = [
        event
        for position, told in read(after.position - 1, until, groups)
        for number, event in enumerate(told, 1)
        if (position, number) > after and not groups.isdisjoint(event.groups)
    ]
    return Missed(gap, kept)


def forget_old() -> None:
    """Drops what is older than KEEP_SECONDS or beyond KEEP_EVENTS; never the newest batch, which tells the
    position."""
    since = timezone.now() - timedelta(seconds=KEEP_SECONDS)
    kept = 0
    rows = EventBatch.objects.exclude(position=None).order_by("-position")
    for number, (position, size, at) in enumerate(rows.values_list("position", "size", "at")):
        kept += size
        if number > 0 and (kept > KEEP_EVENTS or at < since):
            EventBatch.objects.filter(position__lte=position).delete()
            return


def _event(place: Position, told: dict[str, Any]) -> Event:
    wire = {"id": str(place), "type": told["type"], "at": told["at"], "data": told["data"]}
    return Event(frozenset(told["to"]), told["type"], told["data"], json.dumps(wire, ensure_ascii=False))


# --- who listens --------------------------------------------------------------------------------------


class Listener:
    """Somebody's events, waiting to be sent. Used on the event loop only."""

    MAX_WAITING = 5_000

    def __init__(self, groups: Set[str]) -> None:
        self.groups = groups
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        self._overrun = False

    def hear(self, told: list[Event]) -> None:
        for event in told:
            if self._overrun or self.groups.isdisjoint(event.groups):
                continue
            self._overrun = self._waiting.qsize() >= self.MAX_WAITING
            self._waiting.put_nowait(None if self._overrun else event)

    async def next(self) -> Event | None:
        """The next event; None when so many waited that no more are taken: come back and resume."""
        return await self._waiting.get()


@dataclass
class _Joining:
    listener: Listener
    joined: "asyncio.Future[int]"


class Feed:
    """The feed of this process: a thread that reads, and listeners on the event loop that made it."""

    running: "ClassVar[Feed | None]" = None

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._joining: list[_Joining] = []
        self._count = 0  # of listeners, those included that the loop is still to be told of
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._position = 0
        self._tidied = 0.0
        self._thread = threading.Thread(target=self._read_for_ever, name="feed", daemon=True)
        events.on_published.append(self.wake)
        Feed.running = self
        self._thread.start()

    @property
    def count(self) -> int:
        """How many listen here."""
        return self._count

    async def join(self, listener: Listener) -> int:
        """From the position in the answer on, the listener hears everything."""
        joined: asyncio.Future[int] = self._loop.create_future()
        with self._lock:
            self._joining.append(_Joining(listener, joined))
            self._count += 1
        self._wanted.set()
        try:
            return await joined
        except asyncio.CancelledError:
            self.leave(listener)
            raise

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        with self._lock:
            self._count -= 1

    def wake(self) -> None:
        """There may be something new. From any thread; costs nothing while nobody listens."""
        if self._count:
            self._wanted.set()

    async def close(self) -> None:
        Feed.running = None
        events.on_published.remove(self.wake)
        self._stopping.set()
        self._wanted.set()
        await asyncio.to_thread(self._thread.join)

    def _read_for_ever(self) -> None:
        while not self._stopping.is_set():
            try:
                self._pass()
            except Exception:  # without this thread nobody hears anything any more
                logger.exception("Events cannot be read; trying again")
                connection.close()
                self._stopping.wait(RETRY_SECONDS)
            self._wanted.wait(POLL_SECONDS if self._count else TIDY_SECONDS)
            self._wanted.clear()
        connection.close()

    def _pass(self) -> None:
        put_in_order()
        with self._lock:
            joining, self._joining = self._joining, []
            heard = self._count > len(joining)
        try:
            told = list(read(self._position)) if heard else []
            self._position = told[-1][0] if told else self._position if heard else newest()
        except Exception:
            with self._lock:
                self._joining += joining
            raise
        if told or joining:
            flat = [event for _, batch in told for event in batch]
            self._loop.call_soon_threadsafe(self._spread, flat, joining, self._position)
        if time.monotonic() - self._tidied > TIDY_SECONDS:
            forget_old()
            self._tidied = time.monotonic()

    def _spread(self, told: list[Event], joining: list[_Joining], position: int) -> None:
        for listener in self._listeners:
            listener.hear(told)
        for newcomer in joining:
            if not newcomer.joined.cancelled():
                self._listeners.add(newcomer.listener)
                newcomer.joined.set_result(position)
