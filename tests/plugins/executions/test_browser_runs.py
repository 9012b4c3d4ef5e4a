"""Runs in the browser. Their tokens grant no more than the user has, for one run and for minutes."""

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts import api_tokens, sessions, users
from accounts.models import APIToken, Session, User
from core.operations import OPERATIONS
from core.problems import NotAuthenticated
from plugins.executions import browser_runs
from plugins.models import Execution, ExecutionToken, Plugin, Release
from plugins.registry import catalogue, configuration, consent
from tests.conftest import API, assert_problem, at_once, host_calls

RUNS = "/api/v1/plugins/hostcall/browser-runs"
OWN = {
    "db_get_user_by_uuid",
    "db_get_user_by_email",
    "db_update_user_profile",
    "db_delete_user_sessions",
    "notify",
}


@pytest.fixture
def plugin(install: Any) -> Plugin:
    """Holds every permission, and may run in a browser."""
    plugin = install("hostcall", *OPERATIONS, "read_password_hash")
    release = plugin.active
    for function in release.manifest_data["functions"]:
        function["targets"] = ["server", "browser"]
    release.save()
    return catalogue.get_plugin("hostcall")


@pytest.fixture
def session(alice: User) -> Session:
    session, _token = sessions.create_session(alice.pk, 3600)
    return session


def start(user: User, slug: str = "hostcall", function: str = "fetch") -> dict[str, Any]:
    response = API(user).post(f"/api/v1/plugins/{slug}/browser-runs", {"function": function})
    assert response.status_code == 201, response.content
    found: dict[str, Any] = response.json()
    return found


def with_token(token: str) -> API:
    client = API()
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def finish(run: dict[str, Any], token: str | None = None, **body: Any) -> Any:
    client = with_token(token or run["token"])
    return client.post(f"/api/v1/executions/{run['execution_id']}/finish", {"end": "succeeded"} | body)


def test_run_from_start_to_end(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    wasm = API(alice).get(run["wasm_url"])
    assert wasm["Content-Type"] == "application/wasm"
    assert wasm.content.startswith(b"\0asm")
    assert run["sha256"] == plugin.active.sha256
    me = with_token(run["token"]).get(f"/host/v1/users/{alice.pk}")
    assert me.json()["email"] == "alice@example.com"
    assert me["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in me
    assert finish(run).json() == {"problem": None}
    shown = API(alice).get(f"/api/v1/executions/{run['execution_id']}").json()
    assert (shown["state"], shown["target"]) == ("succeeded", "browser")
    assert [call["operation"] for call in shown["host_calls"]] == ["db_get_user_by_uuid"]


def test_token_is_stored_hashed_and_not_shown_again(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    stored = ExecutionToken.objects.get()
    assert run["token"] not in (stored.token_hash, str(stored.operations))
    assert run["token"] not in API(alice).get(f"/api/v1/executions/{run['execution_id']}").content.decode()
    assert set(stored.operations) == OWN


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - OWN))
def test_operations_beyond_the_users_own_data_are_refused(plugin: Plugin, alice: User, name: str) -> None:
    operation = OPERATIONS[name]
    path = operation.route.replace("<kvkey:key>", "k")
    for field in ("uuid", "id"):
        path = path.replace(f"<uuid:{field}>", str(alice.pk))
    response = with_token(start(alice)["token"]).request(operation.method, f"/host/v1/{path}", {})
    problem = assert_problem(response, 403, "operation-not-granted")
    assert "in a browser" in problem["detail"]  # where no grant would help


def test_other_users_data_is_refused(plugin: Plugin, alice: User, bob: User) -> None:
    client = with_token(start(alice)["token"])
    for response in (
        client.get(f"/host/v1/users/{bob.pk}"),
        client.get("/host/v1/users?email=bob@example.com"),
        client.request("PATCH", f"/host/v1/users/{bob.pk}/profile", {"name": "Eve"}),
        client.request("DELETE", f"/host/v1/users/{bob.pk}/sessions"),
        client.post("/host/v1/notifications", {"title": "x", "user_id": str(bob.pk)}),
        client.post("/host/v1/notifications", {"title": "to all watchers"}),
    ):
        assert_problem(response, 403, "operation-not-granted")
    bob.refresh_from_db()
    assert bob.name == "Bob"
    assert set(host_calls().values_list("status", flat=True)) == {403}


def test_own_data_is_readable_without_the_password_hash(plugin: Plugin, alice: User) -> None:
    client = with_token(start(alice)["token"])
    shown = client.get("/host/v1/users?email=ALICE@example.com").json()
    assert shown["id"] == str(alice.pk)
    assert "password_hash" not in shown
    assert (
        client.request("PATCH", f"/host/v1/users/{alice.pk}/profile", {"name": "Al"}).json()["name"] == "Al"
    )


def test_token_is_invalid_after_the_run(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    assert finish(run, end="trap", message="unreachable").status_code == 200
    assert_problem(with_token(run["token"]).get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")
    assert_problem(finish(run), 401, "not-authenticated")
    assert Execution.objects.get().state == "failed"


ENDINGS = [
    ("timed_out", "", "timed_out", (504, "plugin-timed-out", "5000 ms")),
    ("guest_error", "No such tea.", "failed", (422, "plugin-error", "No such tea.")),
    ("trap", "0: 0x1 - hostcall.wasm!brew", "failed", (502, "plugin-trapped", "in the function brew")),
    ("start_failed", "unreachable", "failed", (502, "plugin-trapped", "broke off")),
    ("memory", "", "failed", (502, "plugin-out-of-memory", "64 MB")),
    ("output_too_large", "The output has 9 bytes.", "failed", (502, "plugin-output-too-large", "9 bytes")),
    ("cancelled", "", "cancelled", (409, "plugin-cancelled", "ended it")),
    ("input_too_large", "", "failed", (413, "payload-too-large", "10485760 bytes")),
    ("max_host_calls", "", "failed", (502, "plugin-host-call-limit", "1000 times")),
    ("max_bridge_kb", "", "failed", (502, "plugin-bridge-limit", "16384 kB")),
    ("invalid", "Bad magic.\nat 0", "failed", (502, "plugin-invalid", "hostcall.wasm: Bad magic.")),
]


@pytest.mark.parametrize(("end", "message", "state", "expected"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_server_makes_the_problem_from_the_browsers_report(
    plugin: Plugin, alice: User, end: str, message: str, state: str, expected: tuple[int, str, str]
) -> None:
    run = start(alice)
    problem = finish(run, end=end, message=message).json()["problem"]
    status, code, detail = expected
    assert (problem["status"], problem["type"]) == (status, f"urn:hostbridge:problem:{code}")
    assert detail in problem["detail"]
    shown = API(alice).get(f"/api/v1/executions/{run['execution_id']}").json()
    assert (shown["state"], shown["problem"]) == (state, problem)


def test_guests_own_problem_is_returned_as_on_the_server(plugin: Plugin, alice: User) -> None:
    own_problem = {"status": 409, "code": "busy", "title": "Busy", "detail": "Wait."}
    problem = finish(start(alice), end="guest_error", message=json.dumps({"problem": own_problem})).json()[
        "problem"
    ]
    assert problem == {
        "type": "urn:hostbridge:problem:busy",
        "title": "Busy",
        "status": 409,
        "detail": "Wait.",
    }


def test_sensitive_functions_message_is_returned_and_not_retained(plugin: Plugin, alice: User) -> None:
    release = plugin.active
    for function in release.manifest_data["functions"]:
        function["sensitive"] = True
    release.save()
    run = start(alice)
    assert "hunter2" in finish(run, end="guest_error", message="Not hunter2!").json()["problem"]["detail"]
    retained = Execution.objects.get().problem
    assert retained is not None
    assert "hunter2" not in json.dumps(retained)


def test_concurrent_clean_ups_end_each_abandoned_run_once(plugin: Plugin, session: Session) -> None:
    """A clean-up that comes second does not count or end the run again."""
    for _ in range(8):
        browser_runs.start(plugin, "fetch", session)
    ExecutionToken.objects.update(expires_at=timezone.now())
    assert sum(at_once(4, browser_runs.expire)) == 8
    assert set(Execution.objects.values_list("state", flat=True)) == {"timed_out"}


def test_any_number_of_abandoned_runs_is_ended(
    plugin: Plugin, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a user could fill the disk with runs, because the history deletes only those that ended."""
    monkeypatch.setattr(browser_runs, "BATCH", 2)
    for _ in range(5):
        browser_runs.start(plugin, "fetch", session)
    ExecutionToken.objects.update(expires_at=timezone.now())
    assert browser_runs.expire() == 5
    assert not Execution.objects.filter(finished_at=None).exists()


def test_clean_up_stops_when_its_time_is_up(
    plugin: Plugin, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_runs, "BATCH", 2)
    monkeypatch.setattr(browser_runs, "SECONDS_AT_ONCE", 0.000_001)
    for _ in range(5):
        browser_runs.start(plugin, "fetch", session)
    ExecutionToken.objects.update(expires_at=timezone.now())
    assert browser_runs.expire() < 5


def test_host_call_limit_is_enforced_on_the_server(plugin: Plugin, alice: User) -> None:
    """The page enforces the limit itself; this is for a page that does not."""
    release = plugin.active
    release.manifest_data["limits"]["max_host_calls"] = 2
    release.save()
    run = start(alice)
    url = f"/host/v1/users/{alice.pk}"
    assert [with_token(run["token"]).get(url).status_code for _ in range(2)] == [200, 200]
    assert host_calls().count() == 2
    assert_problem(with_token(run["token"]).get(url), 502, "plugin-host-call-limit")
    assert host_calls().count() == 2
    assert finish(run).status_code == 200


def test_module_without_browser_functions_is_for_administrators(
    bundled: dict[str, Plugin], alice: User, charlie: User
) -> None:
    url = f"/api/v1/plugins/auth/releases/{bundled['auth'].active.version}/wasm"
    assert_problem(API(alice).get(url), 404, "not-found")
    assert API(charlie).get(url).status_code == 200


def test_module_without_consent_is_for_administrators(plugin: Plugin, alice: User, charlie: User) -> None:
    url = start(alice)["wasm_url"]
    Release.objects.update(activated_at=None)
    assert_problem(API(alice).get(url), 404, "not-found")
    assert API(charlie).get(url).status_code == 200


def test_timing_and_sizes_are_recorded(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    finish(run, input_bytes=3, output_bytes=4, start_ms=1.5, run_ms=2, host_ms=0.25)
    shown = API(alice).get(f"/api/v1/executions/{run['execution_id']}").json()
    assert (shown["input_bytes"], shown["output_bytes"]) == (3, 4)
    assert shown["timing"] == {"queue_ms": 0.0, "start_ms": 1.5, "run_ms": 2.0, "host_ms": 0.25}


def test_run_gets_its_limits_and_its_host_functions(
    plugin: Plugin, install: Any, alice: User, settings: Any
) -> None:
    settings.PLUGIN_MAX_TIMEOUT_MS, settings.PLUGIN_MAX_MEMORY_MB = 900, 32
    run = start(alice)
    assert run["bounds"] == {
        "timeout_ms": 900,
        "memory_mb": 32,
        "max_input_bytes": 10 << 20,
        "max_output_bytes": 1 << 20,
        "max_host_calls": 1000,
        "max_bridge_bytes": 16 << 20,
    }
    assert run["host_functions"] == []
    install("hostfn")
    offered = {each["name"]: each for each in start(alice, "hostfn", "invoke")["host_functions"]}
    assert set(offered) == set(OPERATIONS)
    assert offered["db_update_user_profile"] == {
        "name": "db_update_user_profile",
        "method": "PATCH",
        "path": "users/{uuid}/profile",
        "fields_in": "body",
    }
    assert offered["kv_list"]["fields_in"] == "query"
    assert offered["db_delete_user"]["fields_in"] == "path"


def test_expired_token_is_invalid_and_its_run_times_out(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    ExecutionToken.objects.update(expires_at=timezone.now())
    assert_problem(with_token(run["token"]).get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")
    assert_problem(finish(run), 401, "not-authenticated")
    assert browser_runs.expire() == 1
    assert Execution.objects.get(pk=run["execution_id"]).state == "timed_out"
    assert browser_runs.expire() == 0


@pytest.mark.parametrize("token", ["hbx_made_up", "hbx_", "x", "hbs_made_up", "hba_made_up"])
def test_forged_token_is_refused(plugin: Plugin, alice: User, token: str) -> None:
    start(alice)
    assert_problem(with_token(token).get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")


def test_token_ends_only_its_own_run(plugin: Plugin, alice: User, bob: User) -> None:
    own, other = start(alice), start(bob)
    assert_problem(finish(own, token=other["token"]), 403, "forbidden")
    assert Execution.objects.get(pk=own["execution_id"]).state == "running"


def test_token_has_only_its_own_plugins_grants(plugin: Plugin, bundled: Any, alice: User) -> None:
    """template has no grants, so its token allows nothing, whatever hostcall has been granted."""
    run = start(alice, "template", "greet")
    refused = with_token(run["token"]).get(f"/host/v1/users/{alice.pk}")
    problem = assert_problem(refused, 403, "operation-not-granted")
    assert "An administrator can grant it" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/plugins"),
        ("GET", "/api/v1/executions"),
        ("GET", "/api/v1/tokens"),
        ("POST", "/api/v1/plugins/hostcall/call/fetch"),
        ("POST", RUNS),
        ("GET", "/api/v1/auth/session"),
    ],
)
def test_token_is_not_valid_for_the_public_api(
    plugin: Plugin, bundled: Any, alice: User, method: str, path: str
) -> None:
    response = with_token(start(alice)["token"]).request(method, path, {} if method == "POST" else None)
    assert response.status_code == 401


def test_revoked_grant_is_lost_at_once(plugin: Plugin, alice: User) -> None:
    client = with_token(start(alice)["token"])
    consent.revoke(plugin, ["db_get_user_by_uuid"])
    assert_problem(client.get(f"/host/v1/users/{alice.pk}"), 403, "operation-not-granted")
    configuration.set_enabled(catalogue.get_plugin("hostcall"), False)
    assert_problem(client.get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")


def test_disabled_user_loses_the_token(plugin: Plugin, alice: User) -> None:
    client = with_token(start(alice)["token"])
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert_problem(client.get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")


def by_session(user: User) -> tuple[Session, API]:
    session, token = sessions.create_session(user.pk, 3600)
    return session, with_token(token)


def begin(client: API) -> dict[str, Any]:
    response = client.post(RUNS, {"function": "fetch"})
    assert response.status_code == 201, response.content
    run: dict[str, Any] = response.json()
    return run


def past_its_end(session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(expires_at=timezone.now())
    sessions.cleanup_expired_sessions()


def disable(session: Session) -> None:
    """Disables the account and enables it again, which does not restore the session."""
    for active in (False, True):
        session.user.is_active = active
        session.user.save()


ENDS_OF_SESSIONS: dict[str, Callable[[Session], object]] = {
    "by its user": lambda session: sessions.end_own_session(session.user, session.pk),
    "by a plugin": lambda session: sessions.delete_session(session.pk),
    "all of the person": lambda session: sessions.delete_user_sessions(session.user.pk),
    "all but another": lambda session: sessions.end_other_sessions(
        session.user, sessions.create_session(session.user.pk, 60)[0]
    ),
    "new password": lambda session: users.update_password(session.user.pk, password="correct horse 9"),
    "past its end": past_its_end,
    "account disabled": disable,
}


@pytest.mark.parametrize("end", ENDS_OF_SESSIONS.values(), ids=ENDS_OF_SESSIONS)
def test_token_ends_with_its_session(plugin: Plugin, alice: User, end: Callable[[Session], object]) -> None:
    """It can no longer call the host or report the end of the run."""
    session, client = by_session(alice)
    run = begin(client)
    me = f"/host/v1/users/{alice.pk}"
    assert with_token(run["token"]).get(me).status_code == 200
    end(session)
    assert_problem(with_token(run["token"]).get(me), 401, "not-authenticated")
    assert_problem(finish(run), 401, "not-authenticated")


def test_logging_out_ends_only_that_sessions_runs(
    plugin: Plugin, bundled: dict[str, Plugin], alice: User
) -> None:
    _session, client = by_session(alice)
    ended, other = begin(client), start(alice)
    done = begin(client)
    finish(done)
    assert client.post("/api/v1/auth/logout").status_code == 204
    me = f"/host/v1/users/{alice.pk}"
    assert_problem(with_token(ended["token"]).get(me), 401, "not-authenticated")
    assert with_token(other["token"]).get(me).status_code == 200
    assert browser_runs.expire() == 1
    states = dict(Execution.objects.filter(target="browser").values_list("pk", "state"))
    assert {str(pk): state for pk, state in states.items()} == {
        ended["execution_id"]: "cancelled",
        other["execution_id"]: "running",
        done["execution_id"]: "succeeded",
    }
    problem = Execution.objects.get(pk=ended["execution_id"]).problem
    assert problem is not None
    assert problem["type"] == "urn:hostbridge:problem:plugin-cancelled"
    assert "has ended" in problem["detail"]
    assert finish(other).status_code == 200


@pytest.mark.parametrize(
    "revoke",
    [
        lambda token: api_tokens.delete_api_token(token.user, token.pk),
        lambda token: api_tokens.delete_plugin_tokens("hostcall"),
    ],
    ids=["by its user", "with its plugin"],
)
def test_revoking_an_api_token_ends_its_runs(
    plugin: Plugin, alice: User, revoke: Callable[[APIToken], None]
) -> None:
    token, secret = api_tokens.create_api_token(
        alice, name="x", scopes=["api"], expires_in_days=1, plugin="hostcall"
    )
    run = begin(with_token(secret))
    me = f"/host/v1/users/{alice.pk}"
    assert with_token(run["token"]).get(me).status_code == 200
    revoke(token)
    assert_problem(with_token(run["token"]).get(me), 401, "not-authenticated")
    assert browser_runs.expire() == 1
    assert Execution.objects.get().state == "cancelled"


def test_token_expires_with_its_session(plugin: Plugin, alice: User) -> None:
    session, _token = sessions.create_session(alice.pk, 20)
    assert browser_runs.start(plugin, "fetch", session).expires_at == session.expires_at


def test_ended_session_cannot_start_a_run(plugin: Plugin, session: Session) -> None:
    sessions.delete_session(session.pk)
    with pytest.raises(NotAuthenticated):
        browser_runs.start(plugin, "fetch", session)
    assert not Execution.objects.exists()


@pytest.mark.parametrize("kind", ["session", "API token"])
def test_credential_that_ends_while_it_starts_runs_leaves_no_token(
    plugin: Plugin, alice: User, kind: str
) -> None:
    """Each start fails or its token is deleted with the credential, and the credential always ends."""

    def end(credential: Session | APIToken) -> None:
        if isinstance(credential, Session):
            sessions.delete_session(credential.pk)
        else:
            api_tokens.delete_api_token(alice, credential.pk)

    for _ in range(5):
        if kind == "session":
            credential: Session | APIToken = sessions.create_session(alice.pk, 3600)[0]
        else:
            credential = api_tokens.create_api_token(alice, name="x", scopes=["api"], expires_in_days=1)[0]
        turns = itertools.count()

        def begin_or_end(credential: Any = credential, turns: Iterator[int] = turns) -> Any:
            if next(turns) == 2:
                return end(credential)
            return browser_runs.start(plugin, "fetch", credential)

        results = at_once(6, begin_or_end)
        assert None in results
        assert all(isinstance(each, browser_runs.BrowserRun | NotAuthenticated | None) for each in results)
        assert not ExecutionToken.objects.exists()


def test_run_ends_only_once(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    first, second = finish(run, end="cancelled"), finish(run)
    assert (first.status_code, second.status_code) == (200, 401)
    assert Execution.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    "body",
    [
        {"end": "running"},
        {"end": "crashed"},
        {"end": None},
        {"x": 1},
        {"message": "x" * 8001},
        {"run_ms": -1},
        {"run_ms": 1 << 31},
        {"output_bytes": 1 << 31},
        {"output_bytes": "1"},
    ],
)
def test_invalid_report_is_refused(plugin: Plugin, alice: User, body: dict[str, Any]) -> None:
    assert_problem(finish(start(alice), **body), 400, "invalid-input")
    assert Execution.objects.get().state == "running"


def test_server_only_function_does_not_start_in_a_browser(bundled: Any, alice: User) -> None:
    response = API(alice).post("/api/v1/plugins/auth/browser-runs", {"function": "login"})
    assert_problem(response, 400, "invalid-input")
    assert_problem(API(alice).post("/api/v1/plugins/auth/browser-runs", {"function": "x"}), 404, "not-found")
    assert_problem(
        API().post("/api/v1/plugins/template/browser-runs", {"function": "greet"}), 401, "not-authenticated"
    )


def test_preflight_needs_no_token(plugin: Plugin) -> None:
    response = API().request("OPTIONS", f"/host/v1/users/{uuid.uuid4()}")
    assert response.status_code == 204
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in response["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_browser_can_read_the_404_of_an_unknown_address(db: None, method: str) -> None:
    response = API().request(method, "/host/v1/no/such/operation")
    assert response["Access-Control-Allow-Origin"] == "*"
    if method == "OPTIONS":
        assert response.status_code == 204
    else:
        problem = assert_problem(response, 404, "not-found")
        assert problem["detail"] == "The host API has no such operation."


def test_host_api_ignores_cookies(plugin: Plugin, charlie: User) -> None:
    _session, token = sessions.create_session(charlie.pk, 3600)
    client = API()
    client.client.cookies["hostbridge_session"] = token
    assert_problem(client.get(f"/host/v1/users/{charlie.pk}"), 401, "not-authenticated")
