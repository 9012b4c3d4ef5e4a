"""Execution tokens: worth no more than the visitor, for one run, for minutes."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from accounts import services
from accounts.models import User
from plugins import registry
from plugins.models import Execution, ExecutionToken, Plugin
from plugins.operations import OPERATIONS
from tests.conftest import API, assert_problem, host_calls

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
    return registry.get_plugin("hostcall")


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
    return client.post(f"/api/v1/executions/{run['execution_id']}/finish", {"state": "succeeded"} | body)


def test_a_run_in_the_browser_from_start_to_end(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    wasm = API(alice).get(run["wasm_url"])
    assert wasm["Content-Type"] == "application/wasm"
    assert wasm.content.startswith(b"\0asm")
    assert run["sha256"] == plugin.active.sha256
    me = with_token(run["token"]).get(f"/host/v1/users/{alice.pk}")
    assert me.json()["email"] == "alice@example.com"
    assert me["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in me
    assert finish(run).status_code == 204
    shown = API(alice).get(f"/api/v1/executions/{run['execution_id']}").json()
    assert (shown["state"], shown["target"]) == ("succeeded", "browser")
    assert [call["operation"] for call in shown["host_calls"]] == ["db_get_user_by_uuid"]


def test_the_token_is_stored_hashed_and_never_shown_again(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    stored = ExecutionToken.objects.get()
    assert run["token"] not in (stored.token_hash, str(stored.operations))
    assert run["token"] not in API(alice).get(f"/api/v1/executions/{run['execution_id']}").content.decode()
    assert set(stored.operations) == OWN


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - OWN))
def test_what_is_not_the_users_own_is_refused_in_a_browser(plugin: Plugin, alice: User, name: str) -> None:
    operation = OPERATIONS[name]
    path = operation.route.replace("<kvkey:key>", "k")
    for field in ("uuid", "id"):
        path = path.replace(f"<uuid:{field}>", str(alice.pk))
    response = with_token(start(alice)["token"]).request(operation.method, f"/host/v1/{path}", {})
    assert_problem(response, 403, "operation-not-granted")


def test_somebody_elses_data_is_refused(plugin: Plugin, alice: User, bob: User) -> None:
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


def test_the_users_own_data_is_theirs_without_the_password_hash(plugin: Plugin, alice: User) -> None:
    client = with_token(start(alice)["token"])
    shown = client.get("/host/v1/users?email=ALICE@example.com").json()
    assert shown["id"] == str(alice.pk)
    assert "password_hash" not in shown
    assert (
        client.request("PATCH", f"/host/v1/users/{alice.pk}/profile", {"name": "Al"}).json()["name"] == "Al"
    )


def test_after_its_end_the_token_is_worthless(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    assert finish(run, state="failed", problem=PROBLEM).status_code == 204
    assert_problem(with_token(run["token"]).get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")
    assert_problem(finish(run), 401, "not-authenticated")
    assert Execution.objects.get().state == "failed"


PROBLEM = {
    "type": "urn:hostbridge:problem:plugin-trapped",
    "title": "T",
    "status": 502,
    "detail": "It trapped.",
}


def test_an_expired_token_is_worthless_and_its_run_timed_out(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    ExecutionToken.objects.update(expires_at=timezone.now())
    assert_problem(with_token(run["token"]).get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")
    assert_problem(finish(run), 401, "not-authenticated")
    start(alice)
    assert Execution.objects.get(pk=run["execution_id"]).state == "timed_out"


@pytest.mark.parametrize("token", ["hbx_made_up", "hbx_", "x", "hbs_made_up", "hba_made_up"])
def test_a_forged_token_opens_nothing(plugin: Plugin, alice: User, token: str) -> None:
    start(alice)
    assert_problem(with_token(token).get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")


def test_a_token_ends_only_its_own_run(plugin: Plugin, alice: User, bob: User) -> None:
    mine, other = start(alice), start(bob)
    assert_problem(finish(mine, token=other["token"]), 403, "forbidden")
    assert Execution.objects.get(pk=mine["execution_id"]).state == "running"


def test_a_token_speaks_for_its_own_plugin_only(plugin: Plugin, bundled: Any, alice: User) -> None:
    """template was granted nothing: its token opens nothing, whatever hostcall was granted."""
    run = start(alice, "template", "greet")
    assert_problem(with_token(run["token"]).get(f"/host/v1/users/{alice.pk}"), 403, "operation-not-granted")


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
def test_on_the_public_api_the_token_is_no_token(
    plugin: Plugin, bundled: Any, alice: User, method: str, path: str
) -> None:
    response = with_token(start(alice)["token"]).request(method, path, {} if method == "POST" else None)
    assert response.status_code == 401


def test_what_is_revoked_meanwhile_is_gone(plugin: Plugin, alice: User) -> None:
    client = with_token(start(alice)["token"])
    registry.revoke(plugin, ["db_get_user_by_uuid"])
    assert_problem(client.get(f"/host/v1/users/{alice.pk}"), 403, "operation-not-granted")
    registry.set_enabled(registry.get_plugin("hostcall"), False)
    assert_problem(client.get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")


def test_a_disabled_user_loses_the_token(plugin: Plugin, alice: User) -> None:
    client = with_token(start(alice)["token"])
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert_problem(client.get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")


def test_a_run_can_be_ended_once(plugin: Plugin, alice: User) -> None:
    run = start(alice)
    first, second = finish(run, state="cancelled"), finish(run)
    assert (first.status_code, second.status_code) == (204, 401)
    assert Execution.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    "body",
    [{"state": "running"}, {"state": "crashed"}, {"state": None}, {"x": 1}, {"problem": {"type": "x"}}],
)
def test_a_wrong_end_is_told(plugin: Plugin, alice: User, body: dict[str, Any]) -> None:
    assert_problem(finish(start(alice), **body), 400, "invalid-input")
    assert Execution.objects.get().state == "running"


def test_a_function_for_the_server_does_not_start_in_a_browser(bundled: Any, alice: User) -> None:
    response = API(alice).post("/api/v1/plugins/auth/browser-runs", {"function": "login"})
    assert_problem(response, 400, "invalid-input")
    assert_problem(API(alice).post("/api/v1/plugins/auth/browser-runs", {"function": "x"}), 404, "not-found")
    assert_problem(
        API().post("/api/v1/plugins/template/browser-runs", {"function": "greet"}), 401, "not-authenticated"
    )


def test_a_preflight_is_answered_without_a_token(plugin: Plugin) -> None:
    response = API().request("OPTIONS", f"/host/v1/users/{uuid.uuid4()}")
    assert response.status_code == 204
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in response["Access-Control-Allow-Headers"]


def test_cookies_mean_nothing_to_the_host_api(plugin: Plugin, charlie: User) -> None:
    _session, token = services.create_session(charlie.pk, 3600)
    client = API()
    client.client.cookies["hostbridge_session"] = token
    assert_problem(client.get(f"/host/v1/users/{charlie.pk}"), 401, "not-authenticated")
