"""Sign-up, log-in, session and log-out: through the REST API and the auth plugin in WebAssembly.

Both hashing modes are tested, passwords hashed by the host and by the plugin; accounts work in either.
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
from plugins.registry import catalogue, consent
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


def test_sign_up_log_in_and_log_out(hashing: str) -> None:
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


def test_hash_is_argon2id_with_our_costs_in_both_modes(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    stored = User.objects.get(email="dora@example.com").password
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert identify_hasher(stored).verify(PASSWORD, stored)
    used = set(host_calls().values_list("operation", flat=True))
    assert used == {"db_create_user"}


@pytest.mark.parametrize(("made_by", "used_by"), [("host", "guest"), ("guest", "host")])
def test_account_works_in_both_modes_and_in_admin(
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


def test_guest_hashing_without_permission_names_it(bundled: dict[str, Plugin]) -> None:
    set_hashing("guest")
    API().post("/api/v1/auth/signup", SIGN_UP)
    consent.revoke(catalogue.get_plugin("auth"), ["read_password_hash"])
    response = log_in()
    assert response.status_code in {403, 422}
    assert "read_password_hash" in response.json()["detail"]


def test_wrong_password_and_unknown_email_answer_alike(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    wrong = assert_problem(log_in(password="not the password"), 401, "invalid-credentials")
    unknown = assert_problem(log_in(email="nobody@example.com"), 401, "invalid-credentials")
    del wrong["execution"], unknown["execution"]
    assert wrong == unknown


def test_unknown_email_costs_a_password_check_too(bundled: dict[str, Plugin]) -> None:
    assert_problem(log_in(email="nobody@example.com"), 401, "invalid-credentials")
    assert list(host_calls().values_list("operation", "status")) == [
        ("db_get_user_by_email", 404),
        ("verify_password", 200),
    ]


def test_disabled_account_cannot_log_in(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    User.objects.update(is_active=False)
    assert_problem(log_in(), 401, "invalid-credentials")


def test_email_is_taken_in_any_case(hashing: str) -> None:
    API().post("/api/v1/auth/signup", SIGN_UP)
    response = API().post("/api/v1/auth/signup", SIGN_UP | {"email": "DORA@Example.com"})
    assert_problem(response, 409, "email-taken")


def test_one_of_several_concurrent_sign_ups_wins(bundled: dict[str, Plugin]) -> None:
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
def test_sign_up_names_invalid_field(hashing: str, change: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(API().post("/api/v1/auth/signup", SIGN_UP | change), 400, "invalid-input")
    assert pointer in [error["pointer"] for error in problem["errors"]]


def test_weak_password_is_refused_with_reason(bundled: dict[str, Plugin]) -> None:
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
def test_auth_functions_refuse_bad_input(
    bundled: dict[str, Plugin], function: str, body: bytes, code: str
) -> None:
    assert_problem(API().post(f"/api/v1/plugins/auth/call/{function}", body), 400, code)


def test_expired_session_is_refused(bundled: dict[str, Plugin]) -> None:
    client = API()
    client.post("/api/v1/auth/signup", SIGN_UP)
    client.headers["Authorization"] = f"Bearer {log_in(client).json()['session']['token']}"
    Session.objects.update(expires_at=timezone.now())
    assert_problem(client.get("/api/v1/auth/session"), 401, "session-expired")
    assert_problem(client.get("/api/v1/executions"), 401, "session-expired")


def test_session_lifetime_follows_setting(bundled: dict[str, Plugin]) -> None:
    plugin = bundled["auth"]
    plugin.settings = {"session_ttl_seconds": 120}
    plugin.save()
    API().post("/api/v1/auth/signup", SIGN_UP)
    log_in()
    session = Session.objects.get()
    assert 118 <= (session.expires_at - session.created_at).total_seconds() <= 121


def test_nobody_is_logged_in_without_token(bundled: dict[str, Plugin]) -> None:
    assert API().get("/api/v1/auth/session").json() == {"user": None, "session": None}
    assert_problem(API().post("/api/v1/auth/logout"), 401, "not-authenticated")


def test_history_holds_no_passwords_or_tokens(hashing: str) -> None:
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
    """A client that acts like a browser, with cookies and Django's CSRF checks."""
    client = API()
    client.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.client.get("/")
    client.post("/api/v1/auth/signup", SIGN_UP)
    return client


def proof(web: API) -> dict[str, str]:
    return {"X-CSRFToken": web.client.cookies["csrftoken"].value}


def test_browser_gets_cookie_that_scripts_cannot_read(web: API) -> None:
    response = web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    assert response.status_code == 200
    assert "token" not in response.json()["session"]
    cookie = response.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["secure"]
    assert web.get("/api/v1/plugins").status_code == 200


def test_cookie_is_secure_when_public_url_is_https(web: API, settings: Any) -> None:
    settings.PUBLIC_HTTPS = True
    response = web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    assert response.cookies[COOKIE]["secure"]


def test_wrong_csrf_token_sets_no_cookie(web: API) -> None:
    response = web.post("/api/v1/auth/login", LOG_IN, headers={"X-CSRFToken": "x" * 32})
    assert_problem(response, 403, "csrf-failed")
    assert COOKIE not in response.cookies


@pytest.mark.parametrize("path", ["/api/v1/auth/logout", "/api/v1/plugins/template/call/greet"])
def test_unsafe_method_with_cookie_needs_csrf_token(web: API, path: str) -> None:
    web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    assert_problem(web.post(path, {"name": "x"}), 403, "csrf-failed")
    assert Session.objects.exists()
    assert web.post(path, {"name": "x"}, headers=proof(web)).status_code in {200, 204}


def test_expired_cookie_is_reported_once_and_deleted(web: API) -> None:
    web.post("/api/v1/auth/login", LOG_IN, headers=proof(web))
    for session in Session.objects.all():
        sessions.delete_session(session.pk)
    response = web.get("/api/v1/auth/session")
    assert_problem(response, 401, "session-expired")
    assert response.cookies[COOKIE]["max-age"] == 0
    assert web.get("/api/v1/auth/session").json()["user"] is None


def test_expired_cookie_does_not_block_login(web: API) -> None:
    web.client.cookies[COOKIE] = "hbs_dead"
    assert web.post("/api/v1/auth/login", LOG_IN, headers=proof(web)).status_code == 200


# --- a faulty plugin ------------------------------------------------------------------------------


def test_disabled_auth_plugin_is_reported(bundled: dict[str, Plugin]) -> None:
    Plugin.objects.filter(slug="auth").update(enabled=False)
    assert_problem(log_in(), 409, "plugin-disabled")


def test_missing_auth_plugin_is_reported(bundled: dict[str, Plugin], settings: Any) -> None:
    settings.AUTH_PLUGIN = "gone"
    assert_problem(log_in(), 404, "not-found")


@pytest.mark.parametrize(
    "output", [b"[" * 100_000, b'{"user": {"email": "\\ud800"}}', b'{"user": {"email": "\\u0000"}}', b"\xff"]
)
def test_invalid_plugin_answer_is_reported(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch, output: bytes
) -> None:
    def odd(authorized: authorization.Authorization, payload: bytes) -> runner.Outcome:
        execution = Execution(
            plugin=authorized.plugin, release=authorized.release, function=authorized.function.name
        )
        return runner.Outcome(execution, authorized.function, output)

    monkeypatch.setattr(runner, "run_and_wait", odd)
    assert_problem(API().post("/api/v1/auth/signup", SIGN_UP), 502, "plugin-output-invalid")


def test_made_up_session_is_not_believed(bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin may claim that a session exists, but only a stored one is accepted."""

    def liar(authorized: authorization.Authorization, payload: bytes) -> runner.Outcome:
        answer = {"user": {"id": "x", "email": "root@example.com"}, "session": {"token": "hbs_made_up"}}
        execution = Execution(
            plugin=authorized.plugin, release=authorized.release, function=authorized.function.name
        )
        return runner.Outcome(execution, authorized.function, json.dumps(answer).encode())

    monkeypatch.setattr(runner, "run_and_wait", liar)
    assert_problem(log_in(), 502, "plugin-output-invalid")
    assert_problem(API().post("/api/v1/auth/signup", SIGN_UP), 502, "plugin-output-invalid")
    client = API()
    client.headers["Authorization"] = "Bearer hbs_made_up"
    assert_problem(client.get("/api/v1/auth/session"), 401, "session-expired")
