"""The record of what happened: executions and their host calls, written in batches off the path of a call.

A call pays for encoding its row. Records are written every FLUSH_SECONDS, when they are read (`flush`), and
when the server stops; a server that is killed loses at most the last FLUSH_SECONDS. A call that takes longer
is written while it runs, so that a crash leaves a trace (server_processes).

What cannot be written, because the disk is full or the database is away, is kept until it can be. When too
much is kept, no new call begins (`check`): it would go unrecorded, or fill the memory.
"""

from collections.abc import Sequence
from typing import Any

from core import events
from plugins.history.batch_write import write_batch
from plugins.history.buffer import Buffer
from plugins.history.outcomes import RecordsNotWritten
from plugins.history.records import HostCallRecord
from plugins.history.writer import RETRY_SECONDS, OnWritten, WriteBatch, Writer
from plugins.models import Execution


class Journal:
    """A buffer and its writer. Adding to it never waits for the database.

    `background`: whether a thread writes. Without it, only `flush` does.
    """

    def __init__(
        self, buffer: Buffer | None = None, *, write: WriteBatch = write_batch, background: bool = True
    ) -> None:
        self._buffer = Buffer() if buffer is None else buffer
        self._writer = Writer(self._buffer, write, background=background)

    def check(self) -> None:
        """Raises RecordsNotWritten if too much is unwritten for a new call to begin.

        Calls that have begun continue, and call the host as often as their limits allow.
        """
        if self._buffer.is_full():
            raise RecordsNotWritten(seconds=RETRY_SECONDS)

    def is_full(self) -> bool:
        return self._buffer.is_full()

    def backlog(self) -> int:
        """How many records and events are not written yet."""
        return len(self._buffer)

    def begin(self, execution: Execution) -> None:
        """Adds a new execution. It is written once it ends, calls the host or has run for FLUSH_SECONDS."""
        self._buffer.begin(execution)
        self._writer.wake()

    def change(self, execution: Execution, **values: Any) -> None:
        """Sets these fields of the execution and has them written."""
        self._buffer.change(execution, values)
        self._writer.wake()

    def add_host_call(self, host_call: HostCallRecord) -> None:
        """Adds a host call to the audit log."""
        self._buffer.add_host_call(host_call)
        self._writer.wake()

    def publish(self, event: events.Event) -> None:
        """Publishes an event with the next write."""
        self._buffer.add_event(event)
        self._writer.wake()

    def flush(self) -> None:
        """Writes and publishes everything added until now.

        Raises what the database raises; the records are then kept.
        """
        self._writer.flush()

    def subscribe(self, callback: OnWritten) -> None:
        """Metrics callbacks, run after each write with the executions that have ended and the host calls."""
        self._writer.subscribe(callback)

    def notify_written(self, executions: Sequence[Execution], host_calls: Sequence[HostCallRecord]) -> None:
        """Runs the metrics callbacks for records written elsewhere."""
        self._writer.notify_written(executions, host_calls)


_journal = Journal()


def get_journal() -> Journal:
    """This process's journal. Its thread starts with the first record."""
    return _journal


def set_journal(journal: Journal) -> None:
    """Replaces this process's journal: each test has its own."""
    global _journal  # noqa: PLW0603 - the one instance of this process
    _journal = journal
