"""Delivers events to listeners: in one order for everyone, each event once, and resumable after a disconnect.

Transactions leave batches of events in the database (core.events). Committed batches are assigned positions,
and all readers go by those: the Feed that every server process has, and clients that resume after an event.
To find what other processes published, a Feed reads the database every POLL_SECONDS while it has listeners.
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
CLEANUP_SECONDS = 10
RETRY_SECONDS = 5
BATCHES_AT_ONCE = 200
_ORDER_LOCK = 0x6665_6564  # key of a PostgreSQL advisory lock; any number that nothing else locks


class Position(NamedTuple):
    """A place in the feed: after event `number`, counted from 1, of the batch at `position`.

    Written as `position-number`, it is the id of that event.
    """

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


class PublishedEvent(NamedTuple):
    """An event read from its batch."""

    groups: frozenset[str]
    type: str
    data: dict[str, Any]
    text: str  # the JSON sent to clients


class Missed(NamedTuple):
    """What a client missed. If some of it has been deleted, `gap` is the place where the rest begins."""

    gap: Position | None
    events: list[PublishedEvent]


# --- Batches in the database --------------------------------------------------------------------------


def assign_positions() -> None:
    """Gives committed batches their positions, above all positions assigned before."""
    new = EventBatch.objects.filter(position=None)
    if not new.exists():
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite has only one writer at a time anyway
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ORDER_LOCK])
        ids = list(new.order_by("pk").values_list("pk", flat=True)[:BATCHES_AT_ONCE])
        if ids:
            EventBatch.objects.filter(pk__in=ids).update(position=newest_position() + 1 + F("pk") - ids[0])


def newest_position() -> int:
    """The highest position assigned so far, or 0."""
    return EventBatch.objects.aggregate(highest=Max("position"))["highest"] or 0


def read_batches(
    after: int, until: int | None = None, groups: Set[str] | None = None
) -> Iterator[tuple[int, list[PublishedEvent]]]:
    """Positions and events of the batches above `after` and up to `until`, in order.

    With `groups`, leaves out batches that hold nothing for any of these groups.
    """
    batches = EventBatch.objects.filter(position__gt=after).order_by("position")
    if until is not None:
        batches = batches.filter(position__lte=until)
    quoted = None if groups is None else [f'"{group}"' for group in groups]
    for batch in batches.iterator():
        # Searching the text takes a hundredth of the time that decoding and encoding all events takes.
        if quoted is not None and not any(group in batch.events for group in quoted):
            continue
        position = int(batch.position or 0)  # never None here: the filter leaves those out
        yield (
            position,
            [_published(Position(position, number), event) for number, event in enumerate(batch.decode(), 1)],
        )


def read_missed(after: Position | None, until: int, groups: Set[str]) -> Missed:
    """The events for these groups after a place and up to a position.

    None as the place, and one that was never assigned, stand for the oldest event there is, with a gap.
    """
    oldest = EventBatch.objects.aggregate(lowest=Min("position"))["lowest"] or until + 1
    gap = None
    if after is None or after.position < oldest or after > Position(until + 1, 0):
        after = gap = Position(oldest, 0)
    missed = [
        event
        for position, batch in read_batches(after.position - 1, until, groups)
        for number, event in enumerate(batch, 1)
        if (position, number) > after and not groups.isdisjoint(event.groups)
    ]
    return Missed(gap, missed)


def delete_old_batches() -> None:
    """Deletes batches older than KEEP_SECONDS or beyond the newest KEEP_EVENTS events.

    The newest batch always stays, because the next position follows from it.
    """
    since = timezone.now() - timedelta(seconds=KEEP_SECONDS)
    newer_events = 0
    batches = EventBatch.objects.exclude(position=None).order_by("-position")
    for index, (position, size, at) in enumerate(batches.values_list("position", "size", "at")):
        newer_events += size
        if index > 0 and (newer_events > KEEP_EVENTS or at < since):
            EventBatch.objects.filter(position__lte=position).delete()
            return


def _published(position: Position, event: dict[str, Any]) -> PublishedEvent:
    message = {"id": str(position), "type": event["type"], "at": event["at"], "data": event["data"]}
    text = json.dumps(message, ensure_ascii=False)
    return PublishedEvent(frozenset(event["to"]), event["type"], event["data"], text)


# --- Listeners ----------------------------------------------------------------------------------------


class Listener:
    """A queue of events for one client, by its groups. For use on the event loop only."""

    MAX_QUEUED = 5_000

    def __init__(self, groups: Set[str]) -> None:
        self.groups = groups
        self._queue: asyncio.Queue[PublishedEvent | None] = asyncio.Queue()
        self._overflowed = False

    def deliver(self, events: list[PublishedEvent]) -> None:
        for event in events:
            if self._overflowed or self.groups.isdisjoint(event.groups):
                continue
            self._overflowed = self._queue.qsize() >= self.MAX_QUEUED
            self._queue.put_nowait(None if self._overflowed else event)

    async def next(self) -> PublishedEvent | None:
        """The next event; None once the queue has overflowed. The client must then reconnect and resume."""
        return await self._queue.get()


@dataclass
class _Join:
    listener: Listener
    position: "asyncio.Future[int]"


class Feed:
    """The feed of this process: a thread reads new batches for the listeners, which are on one event loop."""

    running: "ClassVar[Feed | None]" = None

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._joining: list[_Join] = []
        self._count = 0  # of listeners, including those in _joining
        self._wake_up = threading.Event()
        self._stopping = threading.Event()
        self._position = 0
        self._last_cleanup = 0.0
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        events.on_published.append(self.wake)
        Feed.running = self
        self._thread.start()

    @property
    def listener_count(self) -> int:
        return self._count

    async def join(self, listener: Listener) -> int:
        """Adds the listener. It gets every event above the position returned."""
        position: asyncio.Future[int] = self._loop.create_future()
        with self._lock:
            self._joining.append(_Join(listener, position))
            self._count += 1
        self._wake_up.set()
        try:
            return await position
        except asyncio.CancelledError:
            self.leave(listener)
            raise

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        with self._lock:
            self._count -= 1

    def wake(self) -> None:
        """Makes the feed look for new batches now. Callable from any thread; free while nobody listens."""
        if self._count:
            self._wake_up.set()

    async def close(self) -> None:
        Feed.running = None
        events.on_published.remove(self.wake)
        self._stopping.set()
        self._wake_up.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read_new()
            except Exception:  # a feed whose thread ended would deliver nothing any more
                logger.exception("The live feed cannot read events; it tries again in %s s", RETRY_SECONDS)
                connection.close()
                self._stopping.wait(RETRY_SECONDS)
            self._wake_up.wait(POLL_SECONDS if self._count else CLEANUP_SECONDS)
            self._wake_up.clear()
        connection.close()

    def _read_new(self) -> None:
        assign_positions()
        with self._lock:
            joining, self._joining = self._joining, []
            has_listeners = self._count > len(joining)
        try:
            batches = list(read_batches(self._position)) if has_listeners else []
            if batches:
                self._position = batches[-1][0]
            elif not has_listeners:
                self._position = newest_position()
        except Exception:
            with self._lock:
                self._joining += joining
            raise
        if batches or joining:
            new = [event for _, batch in batches for event in batch]
            self._loop.call_soon_threadsafe(self._deliver, new, joining, self._position)
        if time.monotonic() - self._last_cleanup > CLEANUP_SECONDS:
            delete_old_batches()
            self._last_cleanup = time.monotonic()

    def _deliver(self, new: list[PublishedEvent], joining: list[_Join], position: int) -> None:
        for listener in self._listeners:
            listener.deliver(new)
        for join in joining:
            if not join.position.cancelled():
                self._listeners.add(join.listener)
                join.position.set_result(position)
