"""Writes down what happened, executions and their host calls, in batches off the path of the call.

A call pays for making its row. What was collected is written every FLUSH_SECONDS, when somebody looks
(`flush`), and when the server stops; a server that is killed loses at most the last FLUSH_SECONDS of it. A
call that takes longer is written while it runs, so that a crash leaves a trace (server_processes).

The rows are made where the calls end, not by the thread that writes them: while that holds Python's lock, the
event loop would wait for it at each of its system calls.

What cannot be written (the disk is full, the database away) is kept until it can. When that is much, nothing
new begins (`check`): it would run unrecorded, or fill the memory.
"""

import copy
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from core import events
from plugins.history import execution_insert
from plugins.history.outcomes import RecordsNotWritten
from plugins.models import Execution, HostCall

logger = logging.getLogger("hostbridge.journal")

FLUSH_SECONDS = 0.2
RETRY_SECONDS = 5
# A short record takes some 2 KB of memory, a host call 0.3 KB; a second or two is enough to write so many.
MOST_HELD = 50_000  # records, host calls and events together
MOST_HELD_BYTES = 64 << 20  # of what is as long as somebody else likes: inputs, outputs, problems, log lines
_LOG_LINE_BYTES = 100  # of one without its text
_MAY_CHANGE = (
    "state", "problem", "output_bytes", "output", "logs", "finished_at",
    "queue_ms", "start_ms", "run_ms", "host_ms",
)  # fmt: skip

# What counts asks to be called with: executions that have ended and host calls, once they are written.
on_written: "list[Callable[[list[Execution], list[Entry]], None]]" = []

_lock = threading.Lock()
_new: "dict[uuid.UUID, Record]" = {}
_changed: dict[uuid.UUID, Execution] = {}
_calls: "deque[Entry]" = deque()
_to_tell: deque[events.Event] = deque()
_one_writer = threading.Lock()
_wake = threading.Event()
_started = threading.Lock()


class _Held:
    """What waits to be written, besides the lengths of the collections.

    `in_hand`: about how many of these the writer has, whose attempt may take long and fail. `size`: in bytes,
    of all records, those in hand included; changed under _lock.
    """

    in_hand = 0
    size = 0


_held = _Held()


class Record(NamedTuple):
    """An execution that is to be written, and its row and its event as soon as it has ended.

    `size`: about how many bytes these take, without what each of them takes.
    """

    execution: Execution
    row: execution_insert.Row | None = None
    event: str = ""
    size: int = 0

    @classmethod
    def of(cls, execution: Execution) -> "Record":
        event = events.encode(_told(execution))  # with the problem
        size = len(event) + len(execution.input or b"") + len(execution.output or b"")
        if execution.logs:
            size += sum(_LOG_LINE_BYTES + len(text) for _, text in execution.logs)
        return cls(execution, execution_insert.row_of(execution), event, size)


class Entry(NamedTuple):
    """What is kept of a host call; no body and no secret. `at` in seconds since the epoch."""

    execution_id: uuid.UUID | None
    api_token_id: uuid.UUID | None
    operation: str
    subject: str
    status: int
    duration_ms: float
    at: float

    def as_row(self) -> HostCall:
        fields = self._asdict() | {"at": datetime.fromtimestamp(self.at, UTC), "subject": self.subject[:200]}
        return HostCall(**fields)


def check() -> None:
    """Raises RecordsNotWritten if so much waits to be written that nothing new may begin.

    What has begun goes on, and asks the host as often as its limits allow.
    """
    if is_full():
        raise RecordsNotWritten(seconds=RETRY_SECONDS)


def is_full() -> bool:
    return backlog() + _held.in_hand > MOST_HELD or _held.size > MOST_HELD_BYTES


def begin(execution: Execution) -> None:
    """The execution is written at the next flush, as it is then. Never blocks on the database."""
    with _lock:
        _new[execution.id] = Record(execution)
    _wake_writer()


def change(execution: Execution, **values: Any) -> None:
    """Sets these fields and sees to it that they are written. Never blocks on the database."""
    with _lock:
        for name, value in values.items():
            setattr(execution, name, value)
        if execution.id not in _new:
            _changed[execution.id] = execution
        elif execution.finished_at is not None:
            before, after = _new[execution.id], Record.of(execution)
            _new[execution.id] = after
            _held.size += after.size - before.size
    _wake_writer()


def record(entry: Entry) -> None:
    """Adds a host call to the audit log. Never blocks on the database."""
    _calls.append(entry)
    _wake_writer()


def tell(event: events.Event) -> None:
    """Tells administrators at the next flush, and whom it concerns. Never blocks on the database."""
    _to_tell.append(event)
    _wake_writer()


def written(executions: Iterable[Execution], calls: list[Entry]) -> None:
    """Tells those who count of what has ended, and of the calls. Also for whatever writes them elsewhere."""
    if on_written:
        ended = [execution for execution in executions if execution.finished_at is not None]
        for hear in on_written:
            hear(ended, calls)


def backlog() -> int:
    """How many records and events are not written yet."""
    return len(_new) + len(_changed) + len(_calls) + len(_to_tell)


def flush() -> None:
    """Writes what happened until now, for everybody to read, and tells those who watch."""
    with _one_writer:
        while backlog():
            _write_what_there_is(begun_before=timezone.now())


def _flush_what_is_due() -> None:
    """As `flush`, but a call that has only begun is not written yet: most end before the next time."""
    with _one_writer:
        _write_what_there_is(begun_before=timezone.now() - timedelta(seconds=FLUSH_SECONDS))


def _wake_writer() -> None:
    if not _wake.is_set():
        _wake.set()
        if _started.acquire(blocking=False):
            threading.Thread(target=_write_for_ever, name="journal-writer", daemon=True).start()


def _write_what_there_is(*, begun_before: datetime) -> None:
    _held.in_hand = backlog()  # before anything is taken: there is no moment at which it does not count
    calls = [_calls.popleft() for _ in range(len(_calls))]  # first: their executions were begun before
    to_tell = [_to_tell.popleft() for _ in range(len(_to_tell))]
    needed = {entry.execution_id for entry in calls}
    with _lock:
        due = [
            record
            for id_, record in _new.items()
            if record.row is not None or record.execution.created_at <= begun_before or id_ in needed
        ]
        new = [record if record.row is not None else _as_it_is_now(record) for record in due]
        for record in due:
            del _new[record.execution.id]
        changed = [_snapshot(execution) for execution in _changed.values()]
        _changed.clear()
    try:
        _write(new, changed, calls, to_tell)
    except Exception:
        logger.exception("The journal cannot be written; what it holds is kept for the next try")
        with _lock:
            for record in due:
                now = _changed.pop(record.execution.id, record.execution)
                again = _new[now.id] = record if record.row is not None else _unwritten(now)
                _held.size += again.size - record.size
            for execution in changed:
                _changed.setdefault(execution.id, execution)
        _calls.extendleft(reversed(calls))
        _to_tell.extendleft(reversed(to_tell))
        raise
    else:
        with _lock:
            _held.size -= sum(record.size for record in due)
    finally:
        _held.in_hand = 0
    written([*(record.execution for record in new), *changed], calls)


def _as_it_is_now(record: Record) -> Record:
    """Of one that goes on: its thread may change it while it is written."""
    return Record.of(_snapshot(record.execution))


def _unwritten(execution: Execution) -> Record:
    return Record(execution) if execution.finished_at is None else Record.of(execution)


def _snapshot(execution: Execution) -> Execution:
    return execution if execution.finished_at is not None else copy.copy(execution)


def _write(
    new: list[Record], changed: list[Execution], calls: list[Entry], to_tell: list[events.Event]
) -> None:
    host_calls = [entry.as_row() for entry in calls]
    told = [*map(events.encode, to_tell), *(record.event for record in new)]
    told += [events.encode(_told(execution)) for execution in changed]
    try:
        with transaction.atomic():
            execution_insert.insert([record.row for record in new if record.row is not None])
            for execution in changed:
                _update(execution)
            HostCall.objects.bulk_create(host_calls)
            events.publish_encoded(told)
    except (IntegrityError, DataError):
        # A plugin, a user or an execution was deleted meanwhile, or the database does not take some value:
        # keep whatever belongs to something and can be kept.
        for record in new:
            _unless_refused(lambda record=record: _insert(record.execution))  # type: ignore[misc]
        for execution in changed:
            _unless_refused(lambda execution=execution: _update(execution))  # type: ignore[misc]
        for row in host_calls:
            _unless_refused(lambda row=row: row.save(force_insert=True))  # type: ignore[misc]
        events.publish_encoded(told)


def _insert(execution: Execution) -> None:
    if execution.user_id is not None and not User.objects.filter(pk=execution.user_id).exists():
        execution.user = None
    execution.save(force_insert=True)


def _update(execution: Execution) -> None:
    """Only a run that goes on can change: what ended otherwise (a server taken for dead) has ended."""
    going_on = Execution.objects.filter(pk=execution.pk, finished_at=None)
    going_on.update(**{name: getattr(execution, name) for name in _MAY_CHANGE})


def _unless_refused(write: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            write()
    except (IntegrityError, DataError) as error:
        logger.warning("A record was dropped: %s", error)


def _told(execution: Execution) -> events.Event:
    """A call that was over before it was written is told once, by its end."""
    kind = "execution.started" if execution.finished_at is None else "execution.finished"
    return events.Event(kind, execution.event_data(), [execution.user_id])


def _write_for_ever() -> None:
    pause = threading.Event()
    while True:
        _wake.wait()
        pause.wait(FLUSH_SECONDS)
        _wake.clear()
        try:
            _flush_what_is_due()
        except Exception:  # it was logged; this thread is the only one
            pause.wait(RETRY_SECONDS)
            _wake.set()
        finally:
            connection.close()
        if backlog():
            _wake.set()
