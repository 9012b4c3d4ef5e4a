"""What the journal collects: executions and host calls."""

import uuid
from datetime import UTC, datetime
from typing import NamedTuple, Self

from core import events
from plugins.history import execution_insert
from plugins.models import Execution, HostCall

LOG_LINE_BYTES = 100  # of memory, for a log line without its text
SUBJECT_CHARACTERS = HostCall._meta.get_field("subject").max_length


class ExecutionRecord(NamedTuple):
    """An execution to write, encoded once it has ended.

    `size_bytes`: about how much memory its event, input, output and logs take.
    """

    execution: Execution
    row: execution_insert.Row | None = None
    event: str = ""
    size_bytes: int = 0

    @classmethod
    def encode(cls, execution: Execution, *, with_row: bool) -> Self:
        """A record with its event, and with the row to insert unless the execution was inserted before."""
        row = execution_insert.row_of(execution) if with_row else None
        event = events.encode(event_of(execution))
        size = len(event) + len(execution.input or b"") + len(execution.output or b"")
        if execution.logs:
            size += sum(LOG_LINE_BYTES + len(text) for _, text in execution.logs)
        return cls(execution, row, event, size)


class HostCallRecord(NamedTuple):
    """A host call for the audit log, without bodies or secrets. `at` in seconds since the epoch."""

    execution_id: uuid.UUID | None
    api_token_id: uuid.UUID | None
    operation: str
    subject: str
    status: int
    duration_ms: float
    at: float

    def as_model(self) -> HostCall:
        at, subject = datetime.fromtimestamp(self.at, UTC), self.subject[:SUBJECT_CHARACTERS]
        return HostCall(**self._asdict() | {"at": at, "subject": subject})


def event_of(execution: Execution) -> events.Event:
    """`execution.started` or `execution.finished`: an execution that ends before it is written has only the
    second.
    """
    kind = "execution.started" if execution.finished_at is None else "execution.finished"
    return events.Event(kind, execution.event_data(), [execution.user_id])
