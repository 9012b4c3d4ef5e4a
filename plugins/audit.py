"""The audit log's writer: rows are collected and written together, off the path of the call.

A call pays for appending to a list. What was collected is written every FLUSH_SECONDS, when somebody looks
(`flush`), and when the server stops; a server that is killed loses at most the last FLUSH_SECONDS of it.
"""

import logging
import threading
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import DatabaseError, IntegrityError, connection

from plugins.models import HostCall

logger = logging.getLogger("hostbridge.audit")

FLUSH_SECONDS = 0.25
RETRY_SECONDS = 5
MAX_ROWS = 500

_entries: "deque[Entry]" = deque()
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


def record(entry: Entry) -> None:
    """Keeps the entry for the next write. Never blocks on the database."""
    _entries.append(entry)
    if not _wake.is_set():
        _wake.set()
        if _started.acquire(blocking=False):
            threading.Thread(target=_write_for_ever, name="audit-writer", daemon=True).start()


def flush() -> None:
    """Writes what was recorded until now; when it returns, everybody can read it."""
    with _one_writer:
        while entries := [_entries.popleft() for _ in range(min(len(_entries), MAX_ROWS))]:
            _write(entries)


def _write(entries: list[Entry]) -> None:
    rows = [entry.as_row() for entry in entries]
    try:
        HostCall.objects.bulk_create(rows)
    except IntegrityError:
        # An execution was deleted meanwhile, and its host calls with it: keep the others.
        for row in rows:
            try:
                row.save(force_insert=True)
            except IntegrityError:
                continue
    except DatabaseError:
        logger.exception("The audit log cannot be written; %d rows are kept for the next try", len(rows))
        _entries.extendleft(reversed(entries))
        raise


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
