"""Writes a buffer's records in batches, in a thread of its own or when asked."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from plugins.history.buffer import Batch, Buffer
from plugins.history.records import HostCallRecord
from plugins.models import Execution

logger = logging.getLogger("hostbridge.journal")

FLUSH_SECONDS = 0.2
RETRY_SECONDS = 5

WriteBatch = Callable[[Batch], None]
OnWritten = Callable[[Sequence[Execution], Sequence[HostCallRecord]], None]


class Writer:
    """Writes one batch at a time; puts a batch that could not be written back into the buffer.

    `background`: whether `wake` starts a thread. Without it, only `flush` and `write_due` write.
    """

    def __init__(
        self,
        buffer: Buffer,
        write: WriteBatch,
        *,
        background: bool = True,
        flush_seconds: float = FLUSH_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._buffer = buffer
        self._write_batch = write
        self._background = background
        self._flush_seconds = flush_seconds
        self._retry_seconds = retry_seconds
        self._writing = threading.Lock()
        self._subscribers: list[OnWritten] = []
        self._woken = threading.Event()
        self._starting = threading.Lock()  # acquired once, and never released

    def subscribe(self, callback: OnWritten) -> None:
        """Calls `callback` after each write with the executions that have ended and with the host calls."""
        self._subscribers.append(callback)

    def notify_written(self, executions: Iterable[Execution], host_calls: Sequence[HostCallRecord]) -> None:
        """Tells the subscribers what was written."""
        if self._subscribers:
            ended = [execution for execution in executions if execution.finished_at is not None]
            for callback in self._subscribers:
                callback(ended, host_calls)

    def flush(self) -> None:
        """Writes everything added until now; waits for a write that is under way.

        Raises what the database raises; the records are then kept.
        """
        with self._writing:
            self._write()

    def write_due(self) -> None:
        """Writes everything except executions begun less than `flush_seconds` ago: most end soon.

        Raises what the database raises; the records are then kept.
        """
        with self._writing:
            self._write(begun_before=timezone.now() - timedelta(seconds=self._flush_seconds))

    def wake(self) -> None:
        """Has the thread write after `flush_seconds`; starts it if need be."""
        if not self._woken.is_set():
            self._woken.set()
            if self._background and self._starting.acquire(blocking=False):
                threading.Thread(target=self._run, name="journal-writer", daemon=True).start()

    def _write(self, *, begun_before: datetime | None = None) -> None:
        batch = self._buffer.take(begun_before=begun_before)
        if not batch:
            return
        try:
            self._write_batch(batch)
        except Exception:
            self._buffer.put_back()
            logger.exception("The journal could not be written. Its records are kept for the next attempt.")
            raise
        self._buffer.confirm()
        self.notify_written((record.execution for record in (*batch.begun, *batch.changed)), batch.host_calls)

    def _run(self) -> None:
        while True:
            self._woken.wait()
            time.sleep(self._flush_seconds)
            self._woken.clear()
            try:
                self.write_due()
            except Exception:  # it was logged, and no other thread would write
                time.sleep(self._retry_seconds)
            finally:
                connection.close()
            if self._buffer:
                self._woken.set()
