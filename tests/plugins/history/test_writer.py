"""The writer: one batch at a time, in order, and nothing lost when a write fails. No database is used."""

import logging
import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError

from plugins.history.buffer import Batch, Buffer
from plugins.history.records import HostCallRecord
from plugins.history.writer import Writer
from plugins.models import Execution
from tests.plugins.history.test_buffer import begin, end, host_call, run


class Database:
    """Takes batches, unless `away`. Set `slow` to hold a write until `go_on` is set."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.attempts = 0
        self.away = False
        self.slow = False
        self.started, self.go_on = threading.Event(), threading.Event()

    def __call__(self, batch: Batch) -> None:
        self.attempts += 1
        self.started.set()
        if self.slow:
            assert self.go_on.wait(10)
        if self.away:
            raise OperationalError("no database")
        self.batches.append(batch)

    def subjects(self) -> list[str]:
        return [record.subject for batch in self.batches for record in batch.host_calls]


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def buffer() -> Buffer:
    return Buffer()


@pytest.fixture
def writer(buffer: Buffer, database: Database) -> Writer:
    return Writer(buffer, database, background=False)


def test_a_failed_batch_is_written_by_the_next_flush_in_order(
    writer: Writer, buffer: Buffer, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    buffer.add_host_call(host_call(subject="first"))
    database.away = True
    for subject in ("second", "third"):
        with pytest.raises(OperationalError):
            writer.flush()
        buffer.add_host_call(host_call(subject=subject))
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    database.away = False
    writer.flush()
    assert database.subjects() == ["first", "second", "third"]
    assert len(buffer) == 0


def test_a_flush_writes_running_executions_and_a_due_write_does_not(
    writer: Writer, buffer: Buffer, database: Database
) -> None:
    running, ended = begin(buffer), run(buffer)
    writer.write_due()
    assert [record.execution for record in database.batches[-1].begun] == [ended]
    writer.write_due()
    assert database.attempts == 1, "wrote an empty batch"
    writer.flush()
    assert [record.execution for record in database.batches[-1].begun] == [running]


def test_a_flush_waits_for_the_write_under_way(writer: Writer, buffer: Buffer, database: Database) -> None:
    database.slow = True
    buffer.add_host_call(host_call(subject="first"))
    other = threading.Thread(target=writer.write_due)
    other.start()
    assert database.started.wait(10)
    buffer.add_host_call(host_call(subject="second"))
    flush = threading.Thread(target=writer.flush)
    flush.start()
    flush.join(0.1)
    assert flush.is_alive()
    assert database.attempts == 1
    database.go_on.set()
    for thread in (flush, other):
        thread.join(10)
    assert database.subjects() == ["first", "second"]


def test_subscribers_are_called_once_for_what_was_written(
    writer: Writer, buffer: Buffer, database: Database
) -> None:
    calls: list[tuple[list[Execution], list[HostCallRecord]]] = []
    writer.subscribe(lambda executions, host_calls: calls.append((list(executions), list(host_calls))))
    running, ended, asked = begin(buffer), run(buffer), host_call()
    buffer.add_host_call(asked)
    database.away = True
    with pytest.raises(OperationalError):
        writer.flush()
    assert not calls
    database.away = False
    writer.flush()
    assert calls == [([ended], [asked])]
    end(buffer, running)
    writer.flush()
    assert calls[1:] == [([running], [])]


def test_the_thread_writes_and_tries_again_after_a_failure(buffer: Buffer, database: Database) -> None:
    writer = Writer(buffer, database, flush_seconds=0.01, retry_seconds=0.01)
    database.away = True
    buffer.add_host_call(host_call(subject="first"))
    writer.wake()
    wait_until(lambda: database.attempts >= 2)
    database.away = False
    wait_until(lambda: database.subjects() == ["first"])
    buffer.add_host_call(host_call(subject="second"))
    writer.wake()
    wait_until(lambda: database.subjects() == ["first", "second"])


def test_the_thread_writes_a_long_execution_while_it_runs(buffer: Buffer, database: Database) -> None:
    begin(buffer)
    Writer(buffer, database, flush_seconds=0.01).wake()
    wait_until(lambda: bool(database.batches))
    assert len(buffer) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
