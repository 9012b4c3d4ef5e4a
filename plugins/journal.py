"""Writes down what happened, executions and their host calls, in batches off the path of the call.

A call pays for appending to a list. What was collected is written every FLUSH_SECONDS, when somebody looks
(`flush`), and when the server stops; a server that is killed loses at most the last FLUSH_SECONDS of it. A
call that takes longer is written while it runs, so that a crash leaves a trace of it (plugins.instances).
"""

import copy
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from accounts import events
from accounts.models import User
from plugins.models import Execution, HostCall

logger = logging.getLogger("hostbridge.journal")

FLUSH_SECONDS = 0.2
RETRY_SECONDS = 5
_MAY_CHANGE = (
    "state", "problem", "output_bytes", "output", "logs", "finished_at",
    "queue_ms", "start_ms", "run_ms", "host_ms",
)  # fmt: skip

_lock = threading.Lock()
_new: dict[uuid.UUID, Execution] = {}
_changed: dict[uuid.UUID, Execution] = {}
_calls: "deque[Entry]" = deque()
_to_tell: deque[events.Told] = deque()
_one_writer = threading.Lock()
_wake = threading.Event()
_started = threading.Lock()


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


def begin(execution: Execution) -> None:
    """The execution is written at the next flush, as it is then. Never blocks on the database."""
    with _lock:
        _new[execution.pk] = execution
    _wake_writer()


def change(execution: Execution, **values: Any) -> None:
    """Sets these fields and sees to it that they are written. Never blocks on the database."""
    with _lock:
        for name, value in values.items():
            setattr(execution, name, value)
        if execution.pk not in _new:
            _changed[execution.pk] = execution
    _wake_writer()


def record(entry: Entry) -> None:
    """Adds a host call to the audit log. Never blocks on the database."""
    _calls.append(entry)
    _wake_writer()


def tell(event: events.Told) -> None:
    """Tells administrators at the next flush, and whom it concerns. Never blocks on the database."""
    _to_tell.append(event)
    _wake_writer()


def flush() -> None:
    """Writes what happened until now, for everybody to read, and tells those who watch."""
    with _one_writer:
        while _new or _changed or _calls or _to_tell:
            _write_what_there_is()


def _wake_writer() -> None:
    if not _wake.is_set():
        _wake.set()
        if _started.acquire(blocking=False):
            threading.Thread(target=_write_for_ever, name="journal-writer", daemon=True).start()


def _write_what_there_is() -> None:
    calls = [_calls.popleft() for _ in range(len(_calls))]  # first: their executions were begun before
    to_tell = [_to_tell.popleft() for _ in range(len(_to_tell))]
    with _lock:
        new = [_snapshot(execution) for execution in _new.values()]
        changed = [_snapshot(execution) for execution in _changed.values()]
        _new.clear()
        _changed.clear()
    try:
        _write(new, changed, calls, to_tell)
    except DatabaseError:
        logger.exception("The journal cannot be written; what it holds is kept for the next try")
        with _lock:
            for execution in new:
                _new.setdefault(execution.pk, _changed.pop(execution.pk, execution))
            for execution in changed:
                _changed.setdefault(execution.pk, execution)
        _calls.extendleft(reversed(calls))
        _to_tell.extendleft(reversed(to_tell))
        raise


def _snapshot(execution: Execution) -> Execution:
    """A copy of what goes on: its thread may change it while it is written."""
    return execution if execution.finished_at is not None else copy.copy(execution)


def _write(
    new: list[Execution], changed: list[Execution], calls: list[Entry], to_tell: list[events.Told]
) -> None:
    rows = [entry.as_row() for entry in calls]
    told = [*to_tell, *map(_told, (*new, *changed))]
    try:
        with transaction.atomic():
            _insert_all(new)
            for execution in changed:
                _update(execution)
            HostCall.objects.bulk_create(rows)
            events.publish_all(told)
    except IntegrityError:
        # A plugin, a user or an execution was deleted meanwhile: keep whatever still belongs to something.
        for execution in new:
            _unless_orphaned(lambda execution=execution: _insert(execution))  # type: ignore[misc]
        for execution in changed:
            _update(execution)
        for row in rows:
            _unless_orphaned(lambda row=row: row.save(force_insert=True))  # type: ignore[misc]
        events.publish_all(told)


def _insert_all(executions: list[Execution]) -> None:
    """What bulk_create does, at a third of its cost: every row has the same columns."""
    if not executions:
        return
    columns = Execution._meta.concrete_fields
    names = ", ".join(connection.ops.quote_name(str(column.column)) for column in columns)
    sql = (
        f"INSERT INTO {connection.ops.quote_name(Execution._meta.db_table)} ({names}) "  # noqa: S608
        f"VALUES ({', '.join(['%s'] * len(columns))})"
    )
    database = connections[connection.alias]  # the proxy would be asked for each value
    with database.cursor() as cursor:
        cursor.executemany(
            sql,
            [
                [column.get_db_prep_save(getattr(row, column.attname), database) for column in columns]
                for row in executions
            ],
        )


def _insert(execution: Execution) -> None:
    if execution.user_id is not None and not User.objects.filter(pk=execution.user_id).exists():
        execution.user = None
    execution.save(force_insert=True)


def _update(execution: Execution) -> None:
    """Only a run that goes on can change: what ended otherwise (a server taken for dead) has ended."""
    going_on = Execution.objects.filter(pk=execution.pk, finished_at=None)
    going_on.update(**{name: getattr(execution, name) for name in _MAY_CHANGE})


def _unless_orphaned(write: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            write()
    except IntegrityError:
        logger.warning("A record was dropped: what it belonged to is deleted")


def _told(execution: Execution) -> events.Told:
    """A call that was over before it was written is told once, by its end."""
    kind = "execution.started" if execution.finished_at is None else "execution.finished"
    return events.Told(kind, execution.event_data(), [execution.user_id])


def _write_for_ever() -> None:
    pause = threading.Event()
    while True:
        _wake.wait()
        pause.wait(FLUSH_SECONDS)
        _wake.clear()
        try:
            flush()
        except DatabaseError:
            pause.wait(RETRY_SECONDS)
            _wake.set()
        finally:
            connection.close()
