"""Sign-up, log-in, the session and log-out: through the REST API, the auth plugin in WebAssembly and back.

Once with passwords hashed by the host and once by the plugin; accounts of either kind work in the other.
"""

import json
from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.test import Client
from django.utils import timezone

from accounts import sessions
from accounts.authentication import COOKIE
from accounts.models import Session, User
from plugins.executions import authorization, runner
from plugins.models import Execution, Plugin
from plugins.registry import catalogue, configuration, consent
from tests.conftest import API, PASSWORD, assert_problem, at_once, history, host_calls

SIGN_UP = {"email": "dora@example.com", "name": "Dora", "password": PASSWORD}
LOG_IN = {"email": "dora@example.com", "password": PASSWORD}


def set_hashing(mode: str) -> None:
    plugin = catalogue.get_plugin("auth")
    plugin.settings = {"hashing": mode}
    plugin.save()
    if mode == "guest":
        consent.grant(plugin, ["read_password_hash"])
    else:
        consent.revoke(plugin, ["read_password_hash"])


@pytest.fixture(params=["host", "guest"])
def hashing(request: pytest.FixtureRequest, bundled: dict[str, Plugin]) -> str:
    set_hashing(request.param)
    return str(request.param)


def log_in(client: API | None = None, **changes: str) -> Any:
    return (client or API()).post("/api/v1/auth/login", LOG_IN | changes)


def test_sign_up_then_log_in_then_log_out(hashing: str) -> None:
    client = API()
    signed_up = client.post("/api/v1/auth/signup", SIGN_UP)
    assert signed_up.status_code == 201, signed_up.content
    assert signed_up.json()["user"]["email"] == "dora@example.com"

    logged_in = log_in(client)
    assert logged_in.status_code == 200, logged_in.content
    assert COOKIE not in logged_in.cookies
    client.headers["Authorization"] = f"Bearer {logged_in.json()['session']['token']}"

    who = client.get("/api/v1/auth/session")
    assert who.json()["user"] == signed_up.json()["user"]
    assert client.get("/api/v1/plugins").status_code == 200

    assert client.post("/api/v1/auth/logout").status_code == 204
    assert_problem(client.get("/api/v1/auth/session"), 401, "session-expired")
    assert_problem(client.get("/api/v1/plugins"), 401, "session-expired")
    assert not Session.objects.exists()


def test_the_hash_is_argon2id_with_our_costs_whoever_made_it(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    stored = User.objects.get(email="dora@example.com").password
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert identify_hasher(stored).verify(PASSWORD, stored)
    used = set(host_calls().values_list("operation", flat=True))
    assert used == {"db_create_user"}


@pytest.mark.parametrize(("made_by", "used_by"), [("host", "guest"), ("guest", "host")])
def test_an_account_of_one_kind_logs_in_with_the_other_and_in_the_admin(
    bundled: dict[str, Plugin], made_by: str, used_by: str
) -> None:
    set_hashing(made_by)
    API().post("/api/v1/auth/signup", SIGN_UP)
    set_hashing(used_by)
    assert log_in().status_code == 200
    User.objects.update(is_staff=True)
    browser = Client()
    page = browser.post("/admin/login/?next=/admin/", {"username": "dora@example.com", "password": PASSWORD})
    assert page.status_code == 302
    assert browser.get("/admin/").status_code == 200


def test_guest_hashing_without_its_permission_says_what_to_grant(bundled: dict[str, Plugin]) -> None:
    set_hashing("guest")
    API().post("/api/v1/auth/signup", SIGN_UP)
    consent.revoke(catalogue.get_plugin("auth"), ["read_password_hash"])
    response = log_in()
    assert response.status_code in {403, 422}
    assert "read_password_hash" in response.json()["detail"]


def test_a_wrong_password_and_an_unknown_email_answer_alike(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    wrong = assert_problem(log_in(password="not the password"), 401, "invalid-credentials")
    unknown = assert_problem(log_in(email="nobody@example.com"), 401, "invalid-credentials")
    del wrong["execution"], unknown["execution"]
    assert wrong == unknown


def test_an_unknown_email_costs_a_password_check_as_well(bundled: dict[str, Plugin]) -> None:
    assert_problem(log_in(email="nobody@example.com"), 401, "invalid-credentials")
    assert list(host_calls().values_list("operation", "status")) == [
        ("db_get_user_by_email", 404),
        ("verify_password", 200),
    ]


def test_a_disabled_account_cannot_log_in(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    User.objects.update(is_active=False)
    assert_problem(log_in(), 401, "invalid-credentials")


def test_an_email_is_taken_in_any_case(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    response = API().post("/api/v1/auth/signup", SIGN_UP | {"email": "DORA@Example.com"})
    assert_problem(response, 409, "email-taken")


def test_of_several_who_sign_up_with_one_email_at_once_one_wins(bundled: dict[str, Plugin]) -> None:
    emails = iter(["dora@example.com", "DORA@example.com", "Dora@Example.com", " dora@example.com"])
    responses = at_once(4, lambda: API().post("/api/v1/auth/signup", SIGN_UP | {"email": next(emails)}))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "not an e-mail"}, "/email"),
        ({"name": "  "}, "/name"),
        ({"password": "short"}, "/password"),
        ({"surprise": "x"}, "/surprise"),
        ({"password": None}, "/password"),
    ],
)
def test_sign_up_names_the_wrong_field(hashing: str, change: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(API().post("/api/v1/auth/signup", SIGN_UP | change), 400, "invalid-input")
    assert pointer in [error["pointer"] for error in problem["errors"]]


def test_a_weak_password_is_refused_with_the_reason(bundled: dict[str, Plugin]) -> None:
    problem = assert_problem(
        API().post("/api/v1/auth/signup", SIGN_UP | {"password": "password1"}), 400, "invalid-input"
    )
    assert any("common" in error["detail"] for error in problem["errors"])


@pytest.mark.parametrize("function", ["signup", "login", "verify_session", "logout"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"\xff\xfe", "malformed-json"),
        (b"[]", "invalid-input"),
        (b'{"token": 7}', "invalid-input"),
    ],
)
def test_the_plugins_own_functions_tell_bad_input(
    bundled: dict[str, Plugin], function: str, body: bytes, code: str
) -> None:
    assert_problem(API().post(f"/api/v1/plugins/auth/call/{function}", body), 400, code)


def test_an_expired_session_is_over(bundled: dict[str, Plugin]) -> None:
    client = API()
    client.post("/api/v1/auth/signup", SIGN_UP)
    client.headers["Authorization"] = f"Bearer {log_in(client).json()['session']['token']}"
    Session.objects.update(expires_at=timezone.now())
    assert_problem(client.get("/api/v1/auth/session"), 401, "session-expired")
    assert_problem(client.get("/api/v1/executions"), 401, "session-expired")


def test_sessions_last_as_long_as_the_setting_says(bundled: dict[str, Plugin]) -> None:
    plugin = bundled["auth"]
    plugin.settings = {"session_ttl_seconds": 120}
    plugin.save()
    API().post("/api/v1/auth/signup", SIGN_UP)
    log_in()
    session = Session.objects.get()
    assert 118 <= (session.expires_at - session.created_at).total_seconds() <= 121


def test_nobody_is_logged_in_without_a_token(bundled: dict[str, Plugin]) -> None:
    assert API().get("/api/v1/auth/session").json() == {"user": None, "session": None}
    assert_problem(API().post("/api/v1/auth/logout"), 401, "not-authenticated")


def test_passwords_and_tokens_leave_no_trace_in_the_history(hashing: str) -> None:
    client = API()
    client.post("/api/v1/auth/signup", SIGN_UP)
    token = log_in(client).json()["session"]["token"]
    log_in(client, password="a wrong password")
    client.post("/api/v1/plugins/auth/call/verify_session", {"token": token})
    kept = json.dumps(list(history().values()), default=str)
    kept += json.dumps(list(host_calls().values()), default=str)
    kept += json.dumps(list(Session.objects.values()), default=str)
    for secret in (PASSWORD, token, "a wrong password", "dora@example.com"):
        assert secret not in kept


# --- browsers -----------------------------------------------------------------------------------------


@pytest.fixture
def web(bundled: dict[str, Plugin]) -> API:
    """A client as a browser is one: cookies, and Django's CSRF checks in force."""
    client = API()
    client.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.client.get("/")
    client.post("/api/v1/auth/signup", SIGN_UP)
    return client


def proof(web: API) -> dict[str, str]:
    return {"X-CSRFToken": web.client.cookies["csrftoken"].value}


def test_a_browser_gets_a_cookie_that_no_script_can_read(web: API) -> None:
    response = web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    assert response.status_code == 200
    assert "token" not in response.json()["session"]
    cookie = response.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["secure"]
    assert web.get("/api/v1/plugins").status_code == 200


def test_the_cookie_is_secure_where_the_server_is_public_on_https(web: API, settings: Any) -> None:
    settings.PUBLIC_HTTPS = True
    response = web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    assert response.cookies[COOKIE]["secure"]


def test_a_wrong_csrf_proof_sets_no_cookie(web: API) -> None:
    response = web.post("/api/v1/auth/login", LOG_IN, headers={"X-CSRFToken": "x" * 32})
    assert_problem(response, 403, "csrf-failed")
    assert COOKIE not in response.cookies


@pytest.mark.parametrize("path", ["/api/v1/auth/logout", "/api/v1/plugins/template/call/greet"])
def test_with_the_cookie_an_unsafe_method_needs_the_csrf_proof(web: API, path: str) -> None:
    web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    assert_problem(web.post(path, {"name": "x"}), 403, "csrf-failed")
    assert Session.objects.exists()
    assert web.post(path, {"name": "x"}, headers=proof(web)).status_code in {200, 204}


def test_a_dead_cookie_is_told_once_and_taken_back(web: API) -> None:
    web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    for session in Session.objects.all():
        sessions.delete_session(session.pk)
    response = web.get("/api/v1/auth/session")
    assert_problem(response, 401, "session-expired")
    assert response.cookies[COOKIE]["max-age"] == 0
    assert web.get("/api/v1/auth/session").json()["user"] is None


def test_a_dead_cookie_does_not_keep_anybody_from_logging_in(web: API) -> None:
    web.client.cookies[COOKIE] = "hbs_dead"
    assert web.post("/api/v1/auth/login", LOG_IN, headers=proof(web)).status_code == 200


# --- a plugin in the way ------------------------------------------------------------------------------


def test_a_disabled_auth_plugin_is_told(bundled: dict[str, Plugin]) -> None:
    configuration.set_enabled(bundled["auth"], False)
    assert_problem(log_in(), 409, "plugin-disabled")


def test_a_missing_auth_plugin_is_told(bundled: dict[str, Plugin], settings: Any) -> None:
    settings.AUTH_PLUGIN = "gone"
    assert_problem(log_in(), 404, "not-found")


@pytest.mark.parametrize(
    "said", [b"[" * 100_000, b'{"user": {"email": "\\ud800"}}', b'{"user": {"email": "\\u0000"}}', b"\xff"]
)
def test_an_answer_that_nothing_can_be_made_of_is_told(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    def odd(asked: authorization.Authorization, payload: bytes) -> runner.Outcome:
        execution = Execution(plugin=asked.plugin, release=asked.release, function=asked.function.name)
        return runner.Outcome(execution, asked.function, said)

    monkeypatch.setattr(runner, "run_and_wait", odd)
    assert_problem(API().post("/api/v1/auth/signup", SIGN_UP), 502, "plugin-output-invalid")


def test_a_plugin_that_says_yes_is_not_believed(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lying authentication plugin can name a session, but only one that exists opens anything."""

    def liar(asked: authorization.Authorization, payload: bytes) -> runner.Outcome:
        answer = {"user": {"id": "x", "email": "root@example.com"}, "session": {"token": "hbs_made_up"}}
        execution = Execution(plugin=asked.plugin, release=asked.release, function=asked.function.name)
        return runner.Outcome(execution, asked.function, json.dumps(answer).encode())

    monkeypatch.setattr(runner, "run_and_wait", liar)
    assert_problem(log_in(), 502, "plugin-output-invalid")
    assert_problem(API().post("/api/v1/auth/signup", SIGN_UP), 502, "plugin-output-invalid")
    client = API()
    client.headers["Authorization"] = "Bearer hbs_made_up"
    assert_problem(client.get("/api/v1/auth/session"), 401, "session-expired")
