"""Collects records in memory until they are written.

Executions and events are encoded by the thread that adds them, not by the one that writes them: while that
one holds the interpreter's lock, the event loop would wait for it at each of its system calls.
"""

import copy
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core import events
from plugins.history.records import ExecutionRecord, HostCallRecord
from plugins.models import Execution

# A short execution takes about 2 KB of memory, a host call 0.3 KB; this many take a second or two to write.
MAX_RECORDS = 50_000  # executions, host calls and events together
MAX_BYTES = 64 << 20  # of what callers and plugins decide the length of: inputs, outputs, problems, log lines


@dataclass(frozen=True)
class Batch:
    """What to write in one transaction, in this order; all of it encoded, and changed by no other thread."""

    begun: list[ExecutionRecord]  # to insert
    changed: list[ExecutionRecord]  # to update
    host_calls: list[HostCallRecord]
    events: list[str]  # encoded, besides those of the executions

    def __bool__(self) -> bool:
        return bool(self.begun or self.changed or self.host_calls or self.events)


@dataclass
class _Contents:
    begun: dict[uuid.UUID, ExecutionRecord] = field(default_factory=dict)
    changed: dict[uuid.UUID, ExecutionRecord] = field(default_factory=dict)
    host_calls: list[HostCallRecord] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    size_bytes: int = 0  # of the executions

    def __len__(self) -> int:
        return len(self.begun) + len(self.changed) + len(self.host_calls) + len(self.events)

    def measure(self) -> None:
        records = (*self.begun.values(), *self.changed.values())
        self.size_bytes = sum(record.size_bytes for record in records)


class Buffer:
    """Holds records from any thread; never reads or writes the database.

    One writer at a time takes a batch, and then either confirms that it was written or puts it back. Until
    then the batch counts towards the bounds: an attempt to write may take long and fail.
    """

    def __init__(self, *, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._waiting = _Contents()
        self._taken = _Contents()

    def __len__(self) -> int:
        """How many records and events are not written yet."""
        with self._lock:
            return len(self._waiting) + len(self._taken)

    @property
    def size_bytes(self) -> int:
        """About how many bytes the executions take that are not written yet."""
        with self._lock:
            return self._waiting.size_bytes + self._taken.size_bytes

    def is_full(self) -> bool:
        """Whether a bound is exceeded. Adding still works: executions that have begun must be recorded."""
        with self._lock:
            count = len(self._waiting) + len(self._taken)
            size = self._waiting.size_bytes + self._taken.size_bytes
        return count > self._max_records or size > self._max_bytes

    def begin(self, execution: Execution) -> None:
        with self._lock:
            self._waiting.begun[execution.id] = ExecutionRecord(execution)

    def change(self, execution: Execution, values: Mapping[str, Any]) -> None:
        """Sets these fields of the execution; encodes it if it has ended."""
        with self._lock:
            for name, value in values.items():
                setattr(execution, name, value)
            records, id_ = self._waiting.begun, execution.id
            before = records.get(id_)
            is_new = before is not None
            if not is_new:
                records = self._waiting.changed
                before = records.get(id_)
            if execution.finished_at is not None:
                records[id_] = after = ExecutionRecord.encode(execution, with_row=is_new)
                self._waiting.size_bytes += after.size_bytes - (before.size_bytes if before else 0)
            elif before is None:
                records[id_] = ExecutionRecord(execution)

    def add_host_call(self, host_call: HostCallRecord) -> None:
        with self._lock:
            self._waiting.host_calls.append(host_call)

    def add_event(self, event: events.Event) -> None:
        text = events.encode(event)
        with self._lock:
            self._waiting.events.append(text)

    def take(self, *, begun_before: datetime | None = None) -> Batch:
        """Hands out all that waits, except for running executions that began after `begun_before`.

        A running execution is handed out earlier if it has called the host: its host calls refer to its row.
        """
        with self._lock:
            waiting = self._waiting
            due, later = _split(waiting, begun_before)
            batch = Batch(
                [_encoded(record, with_row=True) for record in due.values()],
                [_encoded(record, with_row=False) for record in waiting.changed.values()],
                waiting.host_calls,
                waiting.events,
            )
            self._taken = _Contents(
                due, waiting.changed, waiting.host_calls, waiting.events, waiting.size_bytes
            )
            self._waiting = _Contents(begun=later)  # running, so without a size
        return batch

    def confirm(self) -> None:
        """Forgets the batch that was taken: it is written."""
        with self._lock:
            self._taken = _Contents()

    def put_back(self) -> None:
        """Puts the batch that was taken in front of what was added since; the next batch has both."""
        with self._lock:
            taken, waiting = self._taken, self._waiting
            for id_ in taken.begun.keys() & waiting.changed.keys():  # changed since, and still to be inserted
                execution = waiting.changed.pop(id_).execution
                ended = execution.finished_at is not None
                taken.begun[id_] = (
                    ExecutionRecord.encode(execution, with_row=True) if ended else ExecutionRecord(execution)
                )
            self._waiting = _Contents(
                taken.begun | waiting.begun,
                taken.changed | waiting.changed,  # in the order of the first; the values of the second
                taken.host_calls + waiting.host_calls,
                taken.events + waiting.events,
            )
            self._waiting.measure()
            self._taken = _Contents()


def _split(
    contents: _Contents, begun_before: datetime | None
) -> tuple[dict[uuid.UUID, ExecutionRecord], dict[uuid.UUID, ExecutionRecord]]:
    """The begun executions that are due, and those that are not."""
    if begun_before is None:
        return contents.begun, {}
    called_host = {host_call.execution_id for host_call in contents.host_calls}
    due: dict[uuid.UUID, ExecutionRecord] = {}
    later: dict[uuid.UUID, ExecutionRecord] = {}
    for id_, record in contents.begun.items():
        is_due = record.event or record.execution.created_at <= begun_before or id_ in called_host
        (due if is_due else later)[id_] = record
    return due, later


def _encoded(record: ExecutionRecord, *, with_row: bool) -> ExecutionRecord:
    """The record as it is now. A running execution is copied: its thread may change it during the write."""
    if record.event:
        return record
    return ExecutionRecord.encode(copy.copy(record.execution), with_row=with_row)
