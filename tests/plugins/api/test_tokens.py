"""/api/v1/tokens: API tokens with scopes."""

import json
from typing import Any

import pytest
from django.utils import timezone

from accounts import api_tokens
from accounts.models import APIToken, User
from plugins.models import Plugin
from tests.conftest import API, assert_problem, host_calls

TOKENS = "/api/v1/tokens"
NEW = {"name": "nightly job", "scopes": ["api"], "expires_in_days": 30}


def make(user: User, **changes: Any) -> API:
    """A client with an API token of this user."""
    response = API(user).post(TOKENS, NEW | changes)
    assert response.status_code == 201, response.content
    client = API()
    client.headers["Authorization"] = f"Bearer {response.json()['token']}"
    return client


def test_token_is_shown_once_and_stored_hashed(alice: User) -> None:
    made = API(alice).post(TOKENS, NEW).json()
    assert made["token"].startswith("hba_")
    listed = API(alice).get(TOKENS)
    assert [row["id"] for row in listed.json()["results"]] == [made["id"]]
    assert "token" not in listed.json()["results"][0]
    assert made["token"] not in json.dumps(list(APIToken.objects.values()), default=str)


def test_token_with_api_scope_acts_as_its_owner(bundled: dict[str, Plugin], alice: User, bob: User) -> None:
    program = make(alice)
    response = program.post("/api/v1/plugins/template/call/greet", {"name": "x"})
    assert response.status_code == 200
    assert len(program.get("/api/v1/executions").json()["results"]) == 1
    assert API(bob).get("/api/v1/executions").json()["results"] == []
    assert APIToken.objects.get().last_used_at is not None


def test_number_of_tokens_per_user_is_limited(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "MAX_API_TOKENS", 2)
    make(bob)
    tokens = [make(alice), make(alice)]
    assert len(tokens) == 2
    assert_problem(API(alice).post(TOKENS, NEW), 409, "too-many-tokens")
    first = API(alice).get(TOKENS).json()["results"][0]["id"]
    API(alice).request("DELETE", f"{TOKENS}/{first}")
    make(alice)


def test_token_cannot_create_tokens(alice: User) -> None:
    assert_problem(make(alice).post(TOKENS, NEW), 403, "forbidden")
    assert_problem(make(alice).get(TOKENS), 403, "forbidden")


def test_only_administrators_can_use_operations_as_scopes(alice: User, charlie: User) -> None:
    assert_problem(API(alice).post(TOKENS, NEW | {"scopes": ["db_delete_user"]}), 403, "forbidden")
    assert_problem(API(alice).post(TOKENS, NEW | {"scopes": ["api", "kv_get"]}), 403, "forbidden")
    make(charlie, scopes=["db_get_user_by_uuid"])


def test_scope_allows_its_operation_only(alice: User, charlie: User) -> None:
    program = make(charlie, scopes=["db_get_user_by_uuid"])
    found = program.get(f"/host/v1/users/{alice.pk}")
    assert found.json()["email"] == "alice@example.com"
    assert "password_hash" not in found.json()
    problem = assert_problem(
        program.get("/host/v1/users?email=alice@example.com"), 403, "operation-not-granted"
    )
    assert problem["operation"] == "db_get_user_by_email"
    assert_problem(program.get("/api/v1/plugins"), 403, "forbidden")
    assert_problem(make(charlie).get(f"/host/v1/users/{alice.pk}"), 403, "operation-not-granted")


def test_host_calls_of_a_token_are_audited_under_its_name(
    transactional_db: None, alice: User, charlie: User
) -> None:
    make(charlie, scopes=["db_get_user_by_uuid"]).get(f"/host/v1/users/{alice.pk}")
    row = host_calls().get()
    assert (row.operation, row.subject, row.status) == ("db_get_user_by_uuid", str(alice.pk), 200)
    assert row.api_token == APIToken.objects.get()


def test_operations_on_plugin_data_need_a_plugin(bundled: dict[str, Plugin], charlie: User) -> None:
    program = make(charlie, scopes=["kv_set", "kv_get"])
    assert_problem(program.request("PUT", "/host/v1/kv/k", {"value": 1}), 403, "forbidden")
    program = make(charlie, scopes=["kv_set", "kv_get"], plugin="template")
    assert program.request("PUT", "/host/v1/kv/k", {"value": 1}).status_code == 200
    assert program.get("/host/v1/kv/k").json()["value"] == 1
    assert_problem(make(charlie, scopes=["kv_get"], plugin="auth").get("/host/v1/kv/k"), 404, "not-found")


def test_former_administrator_loses_operation_scopes(alice: User, charlie: User) -> None:
    program = make(charlie, scopes=["db_get_user_by_uuid"])
    User.objects.filter(pk=charlie.pk).update(is_staff=False)
    assert_problem(program.get(f"/host/v1/users/{alice.pk}"), 401, "not-authenticated")


@pytest.mark.parametrize("end", ["revoked", "expired", "disabled"])
def test_ended_token_is_refused(alice: User, end: str) -> None:
    program = make(alice)
    token = APIToken.objects.get()
    match end:
        case "revoked":
            assert API(alice).request("DELETE", f"{TOKENS}/{token.pk}").status_code == 204
        case "expired":
            APIToken.objects.update(expires_at=timezone.now())
        case "disabled":
            User.objects.filter(pk=alice.pk).update(is_active=False)
    assert_problem(program.get("/api/v1/plugins"), 401, "not-authenticated")


def test_other_users_token_cannot_be_seen_or_revoked(alice: User, bob: User) -> None:
    make(alice)
    token = APIToken.objects.get()
    assert API(bob).get(TOKENS).json()["results"] == []
    assert_problem(API(bob).request("DELETE", f"{TOKENS}/{token.pk}"), 404, "not-found")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": 7}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["no_such"]}, "/scopes/0"),
        ({"scopes": ["read_password_hash"]}, "/scopes/0"),
        ({"expires_in_days": 0}, "/expires_in_days"),
        ({"expires_in_days": 366}, "/expires_in_days"),
        ({"expires_in_days": "30"}, "/expires_in_days"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_invalid_field_is_named(charlie: User, change: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(API(charlie).post(TOKENS, NEW | change), 400, "invalid-input")
    assert pointer in [error["pointer"] for error in problem["errors"]]


def test_unknown_plugin_is_not_found(charlie: User) -> None:
    assert_problem(API(charlie).post(TOKENS, NEW | {"plugin": "nothing"}), 404, "not-found")
