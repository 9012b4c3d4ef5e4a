"""The audit log: written in batches, complete when it is read, and nothing lost when the server stops."""

import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import OperationalError

from accounts import api_tokens
from accounts.models import User
from plugins.history.buffer import Buffer
from plugins.history.journal import Journal, set_journal
from plugins.history.outcomes import RecordsNotWritten
from plugins.history.records import HostCallRecord
from plugins.models import Execution, HostCall, Plugin
from tests.conftest import API, assert_problem, at_once, failing_database, history, host_calls
from tests.server import Server


def host_call(execution: Execution | None = None, subject: str = "x") -> HostCallRecord:
    return HostCallRecord(execution.pk if execution else None, None, "kv_get", subject, 200, 0.1, time.time())


@pytest.fixture
def execution(install: Callable[..., Plugin]) -> Execution:
    plugin = install("hostcall")
    return Execution.objects.create(plugin=plugin, release=plugin.active, function="fetch")


def test_records_from_many_threads_are_each_written_once(journal: Journal, execution: Execution) -> None:
    def write() -> None:
        for _ in range(100):
            journal.add_host_call(host_call(execution, subject=uuid.uuid4().hex))

    at_once(8, write)
    journal.flush()
    subjects = list(HostCall.objects.values_list("subject", flat=True))
    assert len(subjects) == len(set(subjects)) == 800


def test_records_are_kept_while_the_database_is_away(journal: Journal, execution: Execution) -> None:
    journal.add_host_call(host_call(execution, "kept"))
    with failing_database(), pytest.raises(OperationalError):
        journal.flush()
    journal.flush()
    assert HostCall.objects.get().subject == "kept"


def test_check_refuses_new_calls_while_too_much_is_unwritten() -> None:
    written = []
    journal = Journal(Buffer(max_records=1), write=written.append, background=False)
    journal.add_host_call(host_call())
    journal.check()
    journal.add_host_call(host_call())
    with pytest.raises(RecordsNotWritten):
        journal.check()
    journal.flush()
    journal.check()
    assert [len(batch.host_calls) for batch in written] == [2]


def test_no_call_begins_while_too_much_is_unwritten(
    install: Callable[..., Plugin], charlie: User, journal: Journal
) -> None:
    plugin = install("hostcall", "kv_list")
    plugin.active.manifest_data["functions"][0]["targets"] = ["server", "browser"]
    plugin.active.save()
    _row, token = api_tokens.create_api_token(charlie, name="x", scopes=["kv_list"], expires_in_days=1)
    client, program = API(charlie), API()
    program.headers["Authorization"] = f"Bearer {token}"
    url, name = "/api/v1/plugins/hostcall", plugin.active.manifest.functions[0].name
    body = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}

    def responses() -> list[Any]:
        return [
            client.post(f"{url}/call/{name}", body),
            client.post(f"{url}/call/{name}", body, headers={"Prefer": "respond-async"}),
            client.post(f"{url}/browser-runs", {"function": name}),
            program.get("/host/v1/kv"),
            API().get("/readyz"),
        ]

    small = Journal(Buffer(max_records=0), background=False)
    small.add_host_call(host_call())
    set_journal(small)
    *refused, ready = responses()
    for response in refused:
        assert_problem(response, 503, "records-not-written")
        assert response["Retry-After"] == "5"
    assert (ready.status_code, ready.json()["database"]) == (503, "takes no records")
    assert (history().count(), host_calls().count()) == (0, 1)
    set_journal(journal)
    assert [response.status_code for response in responses()] == [200, 202, 201, 403, 200]
    wait_for_server_runs_to_end()
    assert history().count() == 3


def wait_for_server_runs_to_end() -> None:
    deadline = time.monotonic() + 20
    while history().filter(finished_at=None, target="server").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_api_shows_a_host_call_as_soon_as_it_is_answered(
    install: Callable[..., Plugin], charlie: User
) -> None:
    install("hostcall", "kv_list")
    client = API(charlie)
    request = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}
    response = client.post("/api/v1/plugins/hostcall/call/fetch", request)
    shown = client.get(f"/api/v1/executions/{response['Execution-Id']}").json()
    assert [(call["operation"], call["status"]) for call in shown["host_calls"]] == [("kv_list", 200)]


def fail_to_log_in(server: Server) -> str:
    """Makes a call with two host calls; returns the id of its execution."""
    body = {"email": "nobody@example.com", "password": "x"}
    response = httpx.post(f"{server.url}/api/v1/auth/login", json=body)
    assert response.status_code == 401
    return str(response.json()["execution"])


def host_calls_of(server: Server, execution: str) -> list[str]:
    with server.log_in("owner@example.com") as owner:
        shown = owner.get(f"/api/v1/executions/{execution}").json()
    return [call["operation"] for call in shown["host_calls"]]


@pytest.mark.server
def test_records_survive_a_stop_at_once_and_a_kill_two_seconds_later(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "data")
    try:
        server.make_owner()
        for how, after_seconds in ((signal.SIGTERM, 0), (signal.SIGKILL, 2)):
            execution = fail_to_log_in(server)
            time.sleep(after_seconds)
            server.stop(how)
            server = Server.start(tmp_path / "data")
            assert host_calls_of(server, execution) == ["db_get_user_by_email", "verify_password"]
    finally:
        server.stop()
