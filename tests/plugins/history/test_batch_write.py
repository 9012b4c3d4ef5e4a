"""Writing a batch: what arrives in the database, and what becomes of records that it refuses."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DataError, OperationalError, connection
from django.db.models import Model
from django.utils import timezone

from accounts.models import User
from plugins.history.journal import Journal
from plugins.history.records import HostCallRecord
from plugins.models import Execution, HostCall, Plugin
from tests.conftest import Listen


@pytest.fixture
def execution(install: Callable[..., Plugin]) -> Execution:
    plugin = install("hostcall")
    return Execution.objects.create(plugin=plugin, release=plugin.active, function="fetch")


def run(journal: Journal, execution: Execution, **values: Any) -> Execution:
    """A new execution like `execution` that begins and ends."""
    new = execution.another(created_at=timezone.now())
    journal.begin(new)
    journal.change(new, **{"state": "succeeded", "finished_at": timezone.now()} | values)
    return new


def add_host_call(journal: Journal, execution_id: uuid.UUID, subject: str = "") -> None:
    journal.add_host_call(HostCallRecord(execution_id, None, "kv_get", subject, 200, 0.1, time.time()))


def test_rows_hold_what_the_model_would_have_saved(journal: Journal, execution: Execution) -> None:
    """Rows are made without the ORM. Each column must arrive as the ORM would have written it."""
    values = {
        "state": "failed",
        "problem": {"title": "“no” \u2028 <b>"},
        "input": b"\x00\xff",
        "output": b"",
        "input_bytes": 2,
        "logs": [["info", "ü"]],
        "queue_ms": 0.25,
        "finished_at": timezone.now(),
        "created_at": timezone.now().replace(microsecond=0),
    }
    new = run(journal, execution, **values)
    bare = run(journal, execution)
    journal.flush()
    assert as_model(new) == {
        field.attname: values.get(field.attname, getattr(execution, field.attname))
        for field in Execution._meta.concrete_fields
        if field.attname != "id"
    }
    assert as_model(bare)["logs"] == []
    times = {name: values[name] for name in ("created_at", "finished_at")}
    assert Execution.objects.filter(pk=new.pk, **times).exists(), "a time is stored in another format"


def as_model(execution: Execution) -> dict[str, Any]:
    """The execution's columns as the ORM reads them, except the id."""
    read = Execution.objects.get(pk=execution.pk)
    values = {field.attname: getattr(read, field.attname) for field in Execution._meta.concrete_fields[1:]}
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in values.items()}


def test_a_running_execution_is_updated_when_it_ends(
    journal: Journal, execution: Execution, listen: Listen
) -> None:
    new = execution.another(created_at=timezone.now())
    with listen("staff") as events:
        journal.begin(new)
        journal.flush()
        assert Execution.objects.get(pk=new.pk).finished_at is None
        journal.change(new, state="succeeded", output=b"x", finished_at=timezone.now())
    read = Execution.objects.get(pk=new.pk)
    assert (read.state, bytes(read.output or b""), read.finished_at) == ("succeeded", b"x", new.finished_at)
    assert [event["type"] for event in events] == ["execution.started", "execution.finished"]


def test_an_execution_that_was_marked_crashed_stays_crashed(journal: Journal, execution: Execution) -> None:
    Execution.objects.filter(pk=execution.pk).update(state="crashed", finished_at=timezone.now())
    journal.change(execution, state="succeeded", finished_at=timezone.now())
    journal.flush()
    execution.refresh_from_db()
    assert execution.state == "crashed"


def test_a_failed_write_leaves_nothing_in_the_database(journal: Journal, execution: Execution) -> None:
    run(journal, execution)
    add_host_call(journal, execution.pk)
    with failing_on(HostCall, OperationalError), pytest.raises(OperationalError):
        journal.flush()
    assert Execution.objects.count() == 1
    journal.flush()
    assert (Execution.objects.count(), HostCall.objects.count()) == (2, 1)


def test_a_host_call_of_a_deleted_execution_is_dropped_alone(journal: Journal, execution: Execution) -> None:
    add_host_call(journal, execution.pk, "before")
    add_host_call(journal, uuid.uuid4())
    add_host_call(journal, execution.pk, "after")
    journal.flush()
    assert list(HostCall.objects.values_list("subject", flat=True)) == ["before", "after"]


def test_an_execution_of_a_deleted_plugin_is_dropped_alone(
    journal: Journal, execution: Execution, bundled: dict[str, Plugin]
) -> None:
    dropped = run(journal, execution)
    add_host_call(journal, dropped.pk)
    other = bundled["template"]
    written = run(journal, Execution(plugin=other, release=other.active, function="greet"))
    Plugin.objects.filter(pk=execution.plugin_id).update(release=None)
    Plugin.objects.filter(pk=execution.plugin_id).delete()
    journal.flush()
    assert set(Execution.objects.values_list("pk", flat=True)) == {written.pk}
    assert not HostCall.objects.exists()


def test_an_execution_of_a_deleted_user_is_written_without_the_user(
    journal: Journal, execution: Execution, alice: User
) -> None:
    new = run(journal, execution.another(user_id=alice.pk))
    User.objects.filter(pk=alice.pk).delete()
    journal.flush()
    assert Execution.objects.get(pk=new.pk).user_id is None


def test_a_value_that_the_database_refuses_costs_only_its_own_record(
    journal: Journal, execution: Execution, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = run(journal, execution), run(journal, execution, function="unstorable")
    add_host_call(journal, good.pk, "written")
    with failing_on(Execution, DataError, "unstorable"):
        journal.flush()
    assert set(Execution.objects.values_list("pk", flat=True)) == {execution.pk, good.pk}
    assert not Execution.objects.filter(pk=bad.pk).exists()
    assert HostCall.objects.get().subject == "written"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@contextmanager
def failing_on(model: type[Model], error: type[Exception], value: str = "") -> Iterator[None]:
    """This thread's statements about the model's table fail, if their parameters contain the value."""

    def execute(proceed: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if f'"{model._meta.db_table}"' in sql and value in repr(params):
            raise error(value)
        return proceed(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield
