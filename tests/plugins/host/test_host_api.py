"""The host API as a guest sees it: a real .wasm calls it through Extism's ordinary HTTP call.

For each operation: success, no grant, bad input, and objects that do not exist.
"""

import json
import uuid
from collections.abc import Callable
from typing import Any

import argon2
import pytest

from accounts import sessions, users
from accounts.models import Session, User
from core.operations import OPERATIONS, Operation
from plugins.models import Plugin
from tests.conftest import API, PASSWORD, history, host_calls

Install = Callable[..., Plugin]
HOST = "http://hostbridge.invalid/host/v1/"
UNKNOWN = uuid.UUID(int=7)


class Guest:
    """A plugin that sends the requests it is given."""

    def __init__(self, install: Install, user: User) -> None:
        self.install = install
        self.api = API(user)
        self.execution_id = ""

    def granted(self, *permissions: str) -> "Guest":
        """Grants the plugin exactly these permissions."""
        self.install("hostcall", *permissions)
        return self

    def send(
        self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status and the parsed body that the guest saw."""
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        headers = headers or ({} if text is None else {"Content-Type": "application/json"})
        url = url if "://" in url else HOST + url
        request = {"method": method, "url": url, "headers": headers, "body": text}
        response = self.api.post("/api/v1/plugins/hostcall/call/fetch", request)
        assert response.status_code == 200, response.content
        self.execution_id = response["Execution-Id"]
        seen = json.loads(response.content)
        return seen["status"], json.loads(seen["body"]) if seen["body"] else None

    def audit(self) -> list[tuple[str, str, int]]:
        calls = host_calls().filter(execution_id=self.execution_id)
        return [(call.operation, call.subject, call.status) for call in calls]


@pytest.fixture
def guest(install: Install, charlie: User) -> Guest:
    return Guest(install, charlie)


def route(operation: Operation) -> str:
    path = operation.route.replace("<kvkey:key>", "some.key")
    for field in ("uuid", "id"):
        path = path.replace(f"<uuid:{field}>", str(UNKNOWN))
    return path + ("?email=nobody@example.com" if operation.name == "db_get_user_by_email" else "")


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_ungranted_operation_is_refused_by_name_and_audited(guest: Guest, operation: Operation) -> None:
    others = [name for name in OPERATIONS if name != operation.name]
    guest.granted(*others)
    status, problem = guest.send(operation.method, route(operation), {} if operation.request else None)
    assert status == 403
    assert problem["type"] == "urn:hostbridge:problem:operation-not-granted"
    assert problem["operation"] == operation.name
    assert [(name, code) for name, _subject, code in guest.audit()] == [(operation.name, 403)]


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS.values() if o.request], ids=lambda operation: operation.name
)
def test_unknown_field_is_refused(guest: Guest, operation: Operation) -> None:
    guest.granted(operation.name)
    status, problem = guest.send(operation.method, route(operation), {"surprise": 1})
    assert status == 400
    assert problem["type"] == "urn:hostbridge:problem:invalid-input"
    assert "/surprise" in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS.values() if o.request], ids=lambda operation: operation.name
)
@pytest.mark.parametrize("body", ["[]", '"text"', "7", "null"])
def test_body_must_be_an_object(guest: Guest, operation: Operation, body: str) -> None:
    status, problem = guest.granted(operation.name).send(operation.method, route(operation), body)
    assert (status, problem["type"]) == (400, "urn:hostbridge:problem:invalid-input")


@pytest.mark.parametrize("body", ["{", '{"a":1,"a":2}', '{"a":NaN}', ""])
def test_malformed_json_is_refused(guest: Guest, body: str) -> None:
    status, problem = guest.granted("db_create_user").send(
        "POST", "users", body, {"Content-Type": "application/json"}
    )
    assert status == 400
    assert problem["type"].endswith(("malformed-json", "invalid-input"))


def test_wrong_content_type_is_refused(guest: Guest) -> None:
    status, problem = guest.granted("db_create_user").send(
        "POST", "users", "a=b", {"Content-Type": "text/plain"}
    )
    assert (status, problem["type"]) == (415, "urn:hostbridge:problem:unsupported-media-type")


def test_wrong_method_is_refused(guest: Guest) -> None:
    status, problem = guest.granted(*OPERATIONS).send("DELETE", "users")
    assert (status, problem["type"]) == (405, "urn:hostbridge:problem:method-not-allowed")


@pytest.mark.parametrize(
    "url",
    [
        "nothing",
        "users/not-a-uuid",
        "users/../users",
        "users/%2e%2e/sessions",
        "users//",
        "http://hostbridge.invalid/api/v1/plugins",
        "http://hostbridge.invalid/admin/",
        "http://hostbridge.invalid/host/v1/../../api/v1/plugins",
        "http://hostbridge.invalid/host/v1/users#fragment",
    ],
)
def test_guest_reaches_no_other_address_of_the_host(guest: Guest, url: str) -> None:
    status, problem = guest.granted(*OPERATIONS).send("GET", url)
    assert (status, problem["type"]) == (404, "urn:hostbridge:problem:not-found")
    assert guest.audit() == [("", "", 404)]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/host/v1/users",
        "http://localhost/",
        "https://hostbridge.invalid/host/v1/users",
        "http://hostbridge.invalid:80/host/v1/users",
        "http://hostbridge.invalid@example.com/host/v1/users",
        "http://user@hostbridge.invalid/host/v1/users",
        "http://HOSTBRIDGE.invalid/host/v1/users",
        "https://example.com/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_guest_reaches_no_other_host(guest: Guest, url: str) -> None:
    status, problem = guest.granted(*OPERATIONS).send("GET", url)
    assert (status, problem["type"]) == (403, "urn:hostbridge:problem:network-not-granted")


def test_host_api_over_http_needs_a_host_token(alice: User, charlie: User) -> None:
    for client in (API(), API(alice), API(charlie)):
        response = client.get("/host/v1/users?email=alice@example.com")
        assert response.status_code == 401
        assert response.json()["type"] == "urn:hostbridge:problem:not-authenticated"


# --- users --------------------------------------------------------------------------------------------


def test_db_create_user_creates_usable_account(guest: Guest) -> None:
    body = {"email": " Dora@Example.COM ", "name": "Dora", "password": PASSWORD, "profile": {"a": [1]}}
    status, user = guest.granted("db_create_user").send("POST", "users", body)
    assert status == 201
    assert user["email"] == "dora@example.com"
    assert user["profile"] == {"a": [1]}
    assert "password_hash" not in user
    made = User.objects.get(pk=user["id"])
    assert made.check_password(PASSWORD)
    assert guest.audit() == [("db_create_user", user["id"], 201)]


def test_db_create_user_accepts_guest_made_hash(guest: Guest) -> None:
    phc = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(PASSWORD)
    body = {"email": "dora@example.com", "name": "Dora", "password_hash": phc}
    status, user = guest.granted("db_create_user").send("POST", "users", body)
    assert status == 201
    assert users.verify_password(uuid.UUID(user["id"]), PASSWORD)


def test_db_create_user_refuses_taken_email_in_any_case(guest: Guest, alice: User) -> None:
    body = {"email": "ALICE@example.com", "name": "x", "password": PASSWORD}
    status, problem = guest.granted("db_create_user").send("POST", "users", body)
    assert (status, problem["type"]) == (409, "urn:hostbridge:problem:email-taken")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "no-at-sign"}, "/email"),
        ({"email": "x" * 250 + "@example.com"}, "/email"),
        ({"email": None}, "/email"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 151}, "/name"),
        ({"name": {"a": 1}}, "/name"),
        ({"name": "with\u0000nul"}, "/name"),
        ({"password": "short"}, "/password"),
        ({"password": "password1"}, "/password"),
        ({"password": "x" * 129}, "/password"),
        ({"password": 12345678}, "/password"),
        ({"profile": []}, "/profile"),
        ({"profile": {"x": "y" * 20000}}, "/profile"),
        ({"password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaA"}, "/password"),
    ],
)
def test_db_create_user_names_invalid_field(guest: Guest, change: dict[str, Any], pointer: str) -> None:
    body = {"email": "dora@example.com", "name": "Dora", "password": PASSWORD} | change
    status, problem = guest.granted("db_create_user").send("POST", "users", body)
    assert (status, problem["type"]) == (400, "urn:hostbridge:problem:invalid-input"), problem
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert not User.objects.filter(email="dora@example.com").exists()


def test_lone_surrogates_are_refused(guest: Guest) -> None:
    lone = '{"email":"a@b.example","name":"\\ud800","password":"a long walk at dusk"}'
    status, problem = guest.granted("db_create_user").send("POST", "users", lone)
    assert (status, problem["errors"][0]["pointer"]) == (400, "/name")


def test_db_get_user_by_email_ignores_case(guest: Guest, alice: User) -> None:
    status, user = guest.granted("db_get_user_by_email").send("GET", "users?email=ALICE%40example.com")
    assert (status, user["id"]) == (200, str(alice.pk))
    assert guest.audit() == [("db_get_user_by_email", str(alice.pk), 200)]


def test_db_get_user_by_email_raises_not_found(guest: Guest) -> None:
    status, problem = guest.granted("db_get_user_by_email").send("GET", "users?email=nobody@example.com")
    assert (status, problem["type"]) == (404, "urn:hostbridge:problem:not-found")


@pytest.mark.parametrize("query", ["", "?email=", "?mail=x@example.com", "?email=a@b.example&x=1"])
def test_db_get_user_by_email_validates_query(guest: Guest, query: str) -> None:
    status, problem = guest.granted("db_get_user_by_email").send("GET", "users" + query)
    assert (status, problem["type"]) == (400, "urn:hostbridge:problem:invalid-input")


def test_password_hashes_need_their_own_permission(guest: Guest, alice: User) -> None:
    _, user = guest.granted("db_get_user_by_uuid").send("GET", f"users/{alice.pk}")
    assert "password_hash" not in user
    _, user = guest.granted("db_get_user_by_uuid", "read_password_hash").send("GET", f"users/{alice.pk}")
    assert user["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_db_get_user_by_uuid(guest: Guest, alice: User) -> None:
    guest.granted("db_get_user_by_uuid")
    status, user = guest.send("GET", f"users/{alice.pk}")
    assert (status, user["email"]) == (200, "alice@example.com")
    assert guest.send("GET", f"users/{UNKNOWN}")[0] == 404


def test_db_update_user_password_ends_other_sessions(guest: Guest, alice: User) -> None:
    kept, _ = sessions.create_session(alice.pk, 3600)
    sessions.create_session(alice.pk, 3600)
    body = {"password": "another walk at dawn", "keep_session_id": str(kept.pk)}
    status, _ = guest.granted("db_update_user_password").send("PUT", f"users/{alice.pk}/password", body)
    assert status == 204
    assert users.verify_password(alice.pk, "another walk at dawn")
    assert [session.pk for session in Session.objects.filter(user=alice)] == [kept.pk]


def test_db_update_user_password_refuses_weak_passwords_and_unknown_users(guest: Guest, alice: User) -> None:
    guest.granted("db_update_user_password")
    assert guest.send("PUT", f"users/{alice.pk}/password", {"password": "12345678"})[0] == 400
    assert guest.send("PUT", f"users/{alice.pk}/password", {})[0] == 400
    assert guest.send("PUT", f"users/{UNKNOWN}/password", {"password": PASSWORD})[0] == 404
    assert users.verify_password(alice.pk, PASSWORD)


def test_db_update_user_email_verified(guest: Guest, alice: User) -> None:
    guest.granted("db_update_user_email_verified")
    status, user = guest.send("PUT", f"users/{alice.pk}/email-verified", {"email_verified": True})
    assert (status, user["email_verified"]) == (200, True)
    alice.refresh_from_db()
    assert alice.email_verified
    assert guest.send("PUT", f"users/{alice.pk}/email-verified", {"email_verified": "perhaps"})[0] == 400
    assert guest.send("PUT", f"users/{UNKNOWN}/email-verified", {"email_verified": True})[0] == 404


def test_db_update_user_profile_changes_given_fields(guest: Guest, alice: User) -> None:
    guest.granted("db_update_user_profile")
    status, user = guest.send("PATCH", f"users/{alice.pk}/profile", {"profile": {"city": "Ulm"}})
    assert (status, user["name"], user["profile"]) == (200, "Alice", {"city": "Ulm"})
    status, user = guest.send("PATCH", f"users/{alice.pk}/profile", {"name": "Alice B."})
    assert (status, user["name"], user["profile"]) == (200, "Alice B.", {"city": "Ulm"})
    assert guest.send("PATCH", f"users/{UNKNOWN}/profile", {"name": "x"})[0] == 404
    assert guest.send("PATCH", f"users/{alice.pk}/profile", {"email": "eve@example.com"})[0] == 400


def test_verify_password_never_says_why(guest: Guest, alice: User) -> None:
    guest.granted("verify_password")
    assert guest.send("POST", f"users/{alice.pk}/password/verify", {"password": PASSWORD}) == (
        200,
        {"valid": True},
    )
    assert guest.send("POST", f"users/{alice.pk}/password/verify", {"password": "x"}) == (
        200,
        {"valid": False},
    )
    assert guest.send("POST", f"users/{UNKNOWN}/password/verify", {"password": "x"}) == (
        200,
        {"valid": False},
    )
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert guest.send("POST", f"users/{alice.pk}/password/verify", {"password": PASSWORD}) == (
        200,
        {"valid": False},
    )


# --- sessions -----------------------------------------------------------------------------------------


def test_db_create_session_stores_no_plain_token(guest: Guest, alice: User) -> None:
    body = {"user_id": str(alice.pk), "ttl_seconds": 600}
    status, session = guest.granted("db_create_session").send("POST", "sessions", body)
    assert status == 201
    stored = Session.objects.get(pk=session["id"])
    assert session["token"] not in (stored.token_hash, str(stored.pk))
    assert sessions.get_session(session["token"]) == stored
    assert guest.audit() == [("db_create_session", str(alice.pk), 201)]


@pytest.mark.parametrize("ttl", [0, -1, 59, 2_592_001, 10**30, "soon", None, 1.5])
def test_db_create_session_limits_lifetime(guest: Guest, alice: User, ttl: Any) -> None:
    body = {"user_id": str(alice.pk), "ttl_seconds": ttl}
    status, problem = guest.granted("db_create_session").send("POST", "sessions", body)
    assert (status, problem["errors"][0]["pointer"]) == (400, "/ttl_seconds")


def test_db_create_session_refuses_disabled_and_unknown_users(guest: Guest, alice: User) -> None:
    guest.granted("db_create_session")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    status, problem = guest.send("POST", "sessions", {"user_id": str(alice.pk), "ttl_seconds": 600})
    assert (status, problem["type"]) == (409, "urn:hostbridge:problem:user-disabled")
    assert guest.send("POST", "sessions", {"user_id": str(UNKNOWN), "ttl_seconds": 600})[0] == 404


def test_db_get_session_finds_live_sessions_only(guest: Guest, alice: User) -> None:
    guest.granted("db_get_session")
    session, token = sessions.create_session(alice.pk, 600)
    status, found = guest.send("POST", "sessions/lookup", {"token": token})
    assert (status, found["id"], found["user"]["email"]) == (200, str(session.pk), "alice@example.com")
    assert guest.audit() == [("db_get_session", str(alice.pk), 200)]
    Session.objects.filter(pk=session.pk).update(expires_at=session.created_at)
    assert guest.send("POST", "sessions/lookup", {"token": token})[0] == 404
    assert guest.send("POST", "sessions/lookup", {"token": "made up"})[0] == 404
    assert guest.send("POST", "sessions/lookup", {"token": "x" * 201})[0] == 400


def test_db_delete_session_works_once(guest: Guest, alice: User) -> None:
    guest.granted("db_delete_session")
    session, token = sessions.create_session(alice.pk, 600)
    assert guest.send("DELETE", f"sessions/{session.pk}") == (204, None)
    assert sessions.get_session(token) is None
    assert guest.send("DELETE", f"sessions/{session.pk}")[0] == 404


# --- audit --------------------------------------------------------------------------------------------


def test_audit_log_holds_no_bodies_or_secrets(guest: Guest, alice: User) -> None:
    _session, token = sessions.create_session(alice.pk, 600)
    guest.granted("verify_password", "db_get_session", "db_get_user_by_email")
    guest.send("POST", f"users/{alice.pk}/password/verify", {"password": PASSWORD})
    guest.send("POST", "sessions/lookup", {"token": token})
    guest.send("GET", "users?email=alice@example.com")
    kept = json.dumps(list(host_calls().values()), default=str)
    kept += json.dumps([execution.event_data() for execution in history()], default=str)
    for secret in (PASSWORD, token, "alice@example.com"):
        assert secret not in kept


def test_host_calls_of_one_execution_are_audited_in_order(guest: Guest, alice: User) -> None:
    guest.granted("db_get_user_by_uuid")
    urls = [f"users/{alice.pk}", f"users/{UNKNOWN}", "elsewhere"]
    requests = [{"method": "GET", "url": HOST + url, "headers": {}, "body": None} for url in urls]
    response = guest.api.post("/api/v1/plugins/hostcall/call/fetch_many", requests)
    assert [reply["status"] for reply in json.loads(response.content)] == [200, 404, 404]
    guest.execution_id = response["Execution-Id"]
    assert guest.audit() == [
        ("db_get_user_by_uuid", str(alice.pk), 200),
        ("db_get_user_by_uuid", str(UNKNOWN), 404),
        ("", "", 404),
    ]


def test_revoked_grant_is_gone_at_next_call(guest: Guest, alice: User) -> None:
    assert guest.granted("db_get_user_by_uuid").send("GET", f"users/{alice.pk}")[0] == 200
    assert guest.granted().send("GET", f"users/{alice.pk}")[0] == 403


def test_host_failure_never_looks_like_success(
    guest: Guest, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("the database is on fire")

    monkeypatch.setattr(users, "get_user", broken)
    status, problem = guest.granted("db_get_user_by_uuid").send("GET", f"users/{alice.pk}")
    assert (status, problem["type"]) == (500, "urn:hostbridge:problem:internal-error")
    assert "fire" not in json.dumps(problem)
    assert guest.audit() == [("db_get_user_by_uuid", str(alice.pk), 500)]


def test_oversized_body_is_refused(guest: Guest) -> None:
    body = {"email": "a@b.example", "name": "x" * (2 << 20), "password": PASSWORD}
    status, problem = guest.granted("db_create_user").send("POST", "users", body)
    assert (status, problem["type"]) == (413, "urn:hostbridge:problem:payload-too-large")
