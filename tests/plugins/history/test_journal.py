"""The audit log: written in batches, read complete, and nothing acknowledged lost on a clean stop."""

import signal
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import DatabaseError, DataError
from django.utils import timezone

from accounts import api_tokens
from accounts.models import User
from core import events
from plugins.history import execution_insert, journal
from plugins.models import Execution, HostCall, Plugin
from tests.conftest import API, assert_problem, at_once, history, host_calls
from tests.server import Server


def entry(execution: Execution | None = None, subject: str = "x") -> journal.Entry:
    return journal.Entry(execution.pk if execution else None, None, "kv_get", subject, 200, 0.1, time.time())


@pytest.fixture
def execution(install: Callable[..., Plugin]) -> Execution:
    plugin = install("hostcall")
    return Execution.objects.create(plugin=plugin, release=plugin.active, function="fetch")


def test_many_writers_lose_nothing_and_write_nothing_twice(execution: Execution) -> None:
    def write() -> None:
        for _ in range(100):
            journal.record(entry(execution, subject=uuid.uuid4().hex))

    at_once(8, write)
    journal.flush()
    subjects = list(HostCall.objects.values_list("subject", flat=True))
    assert len(subjects) == len(set(subjects)) == 800


def test_a_row_whose_execution_is_gone_does_not_take_the_others_along(execution: Execution) -> None:
    gone = Execution(pk=uuid.uuid4())
    for one in (entry(execution, "before"), entry(gone), entry(execution, "after")):
        journal.record(one)
    journal.flush()
    assert set(HostCall.objects.values_list("subject", flat=True)) == {"before", "after"}


def test_a_call_that_has_only_begun_is_written_when_it_ends_lasts_or_asks_the_host(
    execution: Execution,
) -> None:
    ended, lasting, asking, begun = calls = [execution.another(created_at=timezone.now()) for _ in range(4)]
    lasting.created_at -= timedelta(seconds=journal.FLUSH_SECONDS)
    for call in calls:
        journal.begin(call)
    journal.change(ended, state="succeeded", finished_at=timezone.now())
    journal.record(entry(asking))
    journal._flush_what_is_due()
    written = Execution.objects.exclude(pk=execution.pk)
    assert {call.pk for call in written} == {ended.pk, lasting.pk, asking.pk}
    assert HostCall.objects.get().execution == asking
    journal.flush()
    assert written.filter(pk=begun.pk).exists()


def test_what_is_written_is_what_the_model_says(execution: Execution) -> None:
    """The rows are made past the ORM; each column arrives as the ORM would have written it."""
    values = {
        "state": "failed",
        "problem": {"title": "“no” \u2028 <b>"},
        "input": b"\x00\xff",
        "output": b"",
        "input_bytes": 2,
        "logs": [["info", "ü"]],
        "queue_ms": 0.25,
        "finished_at": timezone.now(),
        "created_at": timezone.now(),
    }
    begun = execution.another(created_at=timezone.now())
    journal.begin(begun)
    journal.change(begun, **values)
    journal.flush()
    read = Execution.objects.get(pk=begun.pk)
    for field in Execution._meta.concrete_fields:
        found = getattr(read, field.attname)
        wanted = values.get(field.attname, getattr(execution, field.attname))
        if field.attname != "id":
            assert (bytes(found) if isinstance(found, memoryview) else found) == wanted, field.attname


def test_while_the_database_is_away_nothing_is_lost(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise DatabaseError("no database")

    journal.record(entry(execution, "kept"))
    with monkeypatch.context() as broken:
        broken.setattr(HostCall.objects, "bulk_create", away)
        with pytest.raises(DatabaseError):
            journal.flush()
    journal.flush()
    assert HostCall.objects.get().subject == "kept"


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A database that takes no records, until `refusing.undo()`."""

    def full(*_: Any) -> None:
        raise DatabaseError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(journal, "_write", full)
        yield broken


def try_to_write() -> None:
    with pytest.raises(DatabaseError):
        journal.flush()


def ended(execution: Execution, **values: Any) -> Execution:
    """A short run like that one, from its beginning to its end."""
    run = execution.another(created_at=timezone.now())
    journal.begin(run)
    journal.change(run, state="succeeded", finished_at=timezone.now(), **values)
    return run


def test_while_too_much_waits_to_be_written_nothing_new_begins(
    install: Callable[..., Plugin], charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = install("hostcall", "kv_list")
    plugin.active.manifest_data["functions"][0]["targets"] = ["server", "browser"]
    plugin.active.save()
    _row, token = api_tokens.create_api_token(charlie, name="x", scopes=["kv_list"], expires_in_days=1)
    client, program = API(charlie), API()
    program.headers["Authorization"] = f"Bearer {token}"
    url, name = "/api/v1/plugins/hostcall", plugin.active.manifest.functions[0].name
    body = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}

    def answers() -> list[Any]:
        return [
            client.post(f"{url}/call/{name}", body),
            client.post(f"{url}/call/{name}", body, headers={"Prefer": "respond-async"}),
            client.post(f"{url}/browser-runs", {"function": name}),
            program.get("/host/v1/kv"),
            API().get("/readyz"),
        ]

    with monkeypatch.context() as little:
        little.setattr(journal, "MOST_HELD", 0)
        journal.record(entry())
        *refused, ready = answers()
    for answer in refused:
        assert_problem(answer, 503, "records-not-written")
        assert answer["Retry-After"] == "5"
    assert (ready.status_code, ready.json()["database"]) == (503, "takes no records")
    assert (history().count(), host_calls().count()) == (0, 1)
    assert [answer.status_code for answer in answers()] == [200, 202, 201, 403, 200]
    wait_for_all_to_end()
    assert history().count() == 3


def wait_for_all_to_end() -> None:
    until = time.monotonic() + 20
    while history().filter(finished_at=None, target="server").exists():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["record", "call", "event"])
def test_all_that_waits_counts_also_while_it_is_being_tried(
    execution: Execution, refusing: pytest.MonkeyPatch, kind: str
) -> None:
    """A database that is away lets each attempt wait: meanwhile the next would come in."""
    seen = []

    def slow(*_: Any) -> None:
        seen.append(journal.is_full())
        raise DatabaseError("away")

    add = {
        "record": lambda: ended(execution),
        "call": lambda: journal.record(entry(execution)),
        "event": lambda: journal.tell(events.Event("plugin.paused", {}, [])),
    }[kind]
    refusing.setattr(journal, "MOST_HELD", 3)
    refusing.setattr(journal, "_write", slow)
    for _ in range(3):
        add()
    assert not journal.is_full()
    add()
    assert journal.is_full()
    for _ in range(2):
        try_to_write()
        assert journal.is_full()
    assert seen == [True, True]
    refusing.undo()
    journal.flush()
    assert (journal.backlog(), journal._held.in_hand, journal.is_full()) == (0, 0, False)


@pytest.mark.parametrize(
    "long",
    [
        {"input": b"x" * 4000},
        {"output": b"x" * 4000},
        {"problem": {"detail": "x" * 4000}},
        {"logs": [["info", "x" * 40]] * 30},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_records_hold_is_bounded_in_bytes(
    execution: Execution, refusing: pytest.MonkeyPatch, long: dict[str, Any]
) -> None:
    refusing.setattr(journal, "MOST_HELD_BYTES", 10_000)
    ended(execution)
    assert 0 < journal._held.size < 1000
    runs = [ended(execution, **long) for _ in range(3)]
    for _ in range(2):
        assert journal.is_full()
        try_to_write()
    refusing.undo()
    journal.flush()
    assert journal._held.size == 0
    assert Execution.objects.filter(pk__in=[run.pk for run in runs]).count() == 3


def test_runs_that_end_while_they_are_tried_are_counted_once(
    execution: Execution, refusing: pytest.MonkeyPatch
) -> None:
    run = execution.another(created_at=timezone.now())
    journal.begin(run)

    def ends_meanwhile(*_: Any) -> None:
        journal.change(run, state="succeeded", finished_at=timezone.now())
        raise DatabaseError("away")

    refusing.setattr(journal, "_write", ends_meanwhile)
    try_to_write()
    assert journal._held.size > 0
    refusing.undo()
    journal.flush()
    assert journal._held.size == 0
    assert Execution.objects.get(pk=run.pk).state == "succeeded"


def test_the_api_shows_a_host_call_as_soon_as_it_was_answered(
    install: Callable[..., Plugin], charlie: User
) -> None:
    install("hostcall", "kv_list")
    client = API(charlie)
    asked = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}
    response = client.post("/api/v1/plugins/hostcall/call/fetch", asked)
    shown = client.get(f"/api/v1/executions/{response['Execution-Id']}").json()
    assert [(call["operation"], call["status"]) for call in shown["host_calls"]] == [("kv_list", 200)]


def refused_log_in(server: Server) -> str:
    """A call with two host calls; the id of its execution."""
    body = {"email": "nobody@example.com", "password": "x"}
    answer = httpx.post(f"{server.url}/api/v1/auth/login", json=body)
    assert answer.status_code == 401
    return str(answer.json()["execution"])


def host_calls_of(server: Server, execution: str) -> list[str]:
    with server.log_in("owner@example.com") as owner:
        shown = owner.get(f"/api/v1/executions/{execution}").json()
    return [call["operation"] for call in shown["host_calls"]]


def test_what_was_recorded_is_there_after_the_server_ended(tmp_path: Path) -> None:
    """Be it stopped at once, or killed a moment later."""
    server = Server.start(tmp_path / "data")
    try:
        server.make_owner()
        for how, after_seconds in ((signal.SIGTERM, 0), (signal.SIGKILL, 2)):
            execution = refused_log_in(server)
            time.sleep(after_seconds)
            server.stop(how)
            server = Server.start(tmp_path / "data")
            assert host_calls_of(server, execution) == ["db_get_user_by_email", "verify_password"]
    finally:
        server.stop()


def test_a_value_that_the_database_refuses_costs_its_own_record_only(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = (execution.another(created_at=timezone.now()) for _ in range(2))
    insert = Execution.save

    def picky(self: Execution, **options: Any) -> None:
        if self.pk == bad.pk:
            raise DataError("no such text")
        insert(self, **options)

    def refuse(rows: object) -> None:
        raise DataError("no such text")

    monkeypatch.setattr(Execution, "save", picky)
    monkeypatch.setattr(execution_insert, "insert", refuse)
    for one in (good, bad):
        journal.begin(one)
    journal.record(entry(execution, "kept"))
    journal.flush()
    assert set(Execution.objects.values_list("pk", flat=True)) == {execution.pk, good.pk}
    assert HostCall.objects.get().subject == "kept"
