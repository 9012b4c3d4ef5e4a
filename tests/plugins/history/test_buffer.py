"""The buffer: what is due, what counts towards its bounds, and what becomes of a batch that was not written.

No test here uses the database.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core import events
from plugins.history.buffer import Batch, Buffer
from plugins.history.records import HostCallRecord
from plugins.models import Execution, Plugin, Release

PLUGIN = Plugin(pk=1, slug="template")
LONG_VALUES = [
    {"input": b"x" * 4000},
    {"output": b"x" * 4000},
    {"problem": {"detail": "x" * 4000}},
    {"logs": [["info", "x" * 40]] * 30},
]


def new_execution(**values: Any) -> Execution:
    return Execution(plugin=PLUGIN, release=Release(pk=1, plugin=PLUGIN), function="greet", **values)


def begin(buffer: Buffer, **values: Any) -> Execution:
    execution = new_execution(**values)
    buffer.begin(execution)
    return execution


def end(buffer: Buffer, execution: Execution, **values: Any) -> None:
    buffer.change(execution, {"state": "succeeded", "finished_at": timezone.now()} | values)


def run(buffer: Buffer, **values: Any) -> Execution:
    """An execution that begins and ends."""
    execution = begin(buffer)
    end(buffer, execution, **values)
    return execution


def run_slowly(buffer: Buffer, **values: Any) -> Execution:
    """An execution that ends after its beginning was written."""
    execution = new_execution()
    end(buffer, execution, **values)
    return execution


def host_call(execution: Execution | None = None, subject: str = "") -> HostCallRecord:
    return HostCallRecord(execution.pk if execution else None, None, "kv_get", subject, 200, 0.1, 0.0)


def event(slug: str = "template") -> events.Event:
    return events.Event("plugin.paused", {"slug": slug}, [])


def begun(batch: Batch) -> list[Execution]:
    return [record.execution for record in batch.begun]


def changed(batch: Batch) -> list[Execution]:
    return [record.execution for record in batch.changed]


def test_a_running_execution_is_due_when_it_has_ended_lasted_or_called_the_host() -> None:
    buffer, now = Buffer(), timezone.now()
    ended, lasting, calling, running = (begin(buffer, created_at=now) for _ in range(4))
    lasting.created_at -= timedelta(seconds=1)
    end(buffer, ended)
    buffer.add_host_call(host_call(calling))
    assert begun(buffer.take(begun_before=now - timedelta(seconds=0.5))) == [ended, lasting, calling]
    buffer.confirm()
    assert begun(buffer.take()) == [running]


def test_an_ended_execution_is_encoded_when_it_ends() -> None:
    """Encoding takes the interpreter's lock, so the thread that ends the call does it, not the writer's."""
    buffer = Buffer()
    execution, slow = begin(buffer), begin(buffer)
    buffer.take()
    buffer.put_back()
    end(buffer, execution)
    execution.function = "changed later"
    (record,) = [each for each in buffer.take().begun if each.execution == execution]
    assert record.row is not None
    assert "greet" in record.row
    assert '"greet"' in record.event
    buffer.confirm()
    end(buffer, slow)
    slow.function = "changed later"
    (record,) = buffer.take().changed
    assert '"greet"' in record.event


def test_a_batch_does_not_change_while_it_is_written() -> None:
    buffer = Buffer()
    execution = begin(buffer)
    batch = buffer.take()
    end(buffer, execution)
    assert batch.begun[0].execution.finished_at is None
    assert "execution.started" in batch.begun[0].event


def test_a_change_after_the_insert_is_an_update() -> None:
    buffer = Buffer()
    execution = run_slowly(buffer)
    batch = buffer.take()
    assert (begun(batch), changed(batch)) == ([], [execution])
    assert "execution.finished" in batch.changed[0].event


def test_a_batch_that_is_put_back_stays_in_front_and_in_order() -> None:
    buffer = Buffer()
    updated = begin(buffer)
    buffer.take()
    buffer.confirm()
    buffer.change(updated, {"state": "running"})

    def add(number: int) -> Execution:
        buffer.add_host_call(host_call(subject=str(number)))
        buffer.add_event(event(str(number)))
        return begin(buffer)

    executions = [add(0), add(1)]
    buffer.take()
    executions.append(add(2))
    end(buffer, executions[0])
    buffer.put_back()
    batch = buffer.take()
    assert begun(batch) == executions
    assert changed(batch) == [updated]
    assert [each.subject for each in batch.host_calls] == ["0", "1", "2"]
    assert [text[text.index('"slug"') :][:10] for text in batch.events] == [
        f'"slug":"{number}"' for number in range(3)
    ]


def test_an_execution_that_ends_during_a_failed_write_is_inserted_with_its_end() -> None:
    buffer = Buffer()
    execution = begin(buffer)
    buffer.take()
    end(buffer, execution)
    buffer.put_back()
    size = buffer.size_bytes
    assert size > 0
    batch = buffer.take()
    assert (len(batch.begun), batch.changed) == (1, [])
    assert "execution.finished" in batch.begun[0].event
    assert buffer.size_bytes == size
    buffer.confirm()
    assert (len(buffer), buffer.size_bytes) == (0, 0)


def test_an_update_during_a_failed_update_replaces_it() -> None:
    buffer = Buffer()
    execution = begin(buffer)
    buffer.take()
    buffer.confirm()
    buffer.change(execution, {"state": "running"})
    buffer.take()
    end(buffer, execution)
    size = buffer.size_bytes
    buffer.put_back()
    assert buffer.size_bytes == size > 0
    (record,) = buffer.take().changed
    assert record.execution.state == "succeeded"
    assert "execution.finished" in record.event


@pytest.mark.parametrize(
    "add",
    [
        run,
        run_slowly,
        lambda buffer: buffer.add_host_call(host_call()),
        lambda buffer: buffer.add_event(event()),
    ],
    ids=["execution", "update", "host call", "event"],
)
def test_every_kind_counts_towards_the_bound_until_it_is_written(add: Callable[[Buffer], object]) -> None:
    """A write may wait for a database that is away. Meanwhile no more may come in."""
    buffer = Buffer(max_records=3)
    for _ in range(3):
        add(buffer)
    assert not buffer.is_full()
    buffer.add_event(event())
    for _ in range(2):
        assert (len(buffer), buffer.is_full()) == (4, True)
        buffer.take()
        assert (len(buffer), buffer.is_full()) == (4, True)
        buffer.put_back()
    buffer.take()
    buffer.confirm()
    assert (len(buffer), buffer.is_full()) == (0, False)


@pytest.mark.parametrize("long", LONG_VALUES, ids=lambda values: next(iter(values)))
@pytest.mark.parametrize("add", [run, run_slowly])
def test_executions_are_bounded_in_bytes_until_they_are_written(
    add: Callable[..., Execution], long: dict[str, Any]
) -> None:
    buffer = Buffer(max_bytes=10_000)
    add(buffer)
    assert 0 < buffer.size_bytes < 1000
    buffer.take()
    buffer.confirm()
    for _ in range(3):
        add(buffer, **long)
    for _ in range(2):
        assert buffer.is_full()
        buffer.take()
        assert buffer.is_full()
        buffer.put_back()
    buffer.take()
    buffer.confirm()
    assert buffer.size_bytes == 0
