"""accounts.authentication: bearer tokens, the session cookie with its CSRF token, and neither."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts import sessions, single_use_tokens, users
from accounts.authentication import COOKIE, delete_session_cookie, set_session_cookie
from accounts.models import Session, User
from tests.conftest import assert_problem

READ = "/api/v1/executions"
WRITE = "/api/v1/plugins/none/call/none"  # 404 for every authenticated request


@pytest.fixture
def token(alice: User) -> str:
    return sessions.create_session(alice.pk, 3600)[1]


@pytest.fixture
def stranger(db: None) -> Client:
    """A client with CSRF checks, which Django's test client skips by default."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def browser(stranger: Client, token: str) -> Client:
    """Alice's browser, with the session cookie and, from our page, the CSRF cookie."""
    stranger.get("/")
    stranger.cookies[COOKIE] = token
    return stranger


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def write(client: Client, **headers: str) -> Any:
    return client.post(WRITE, "{}", "application/json", headers=headers)


# --- bearer -------------------------------------------------------------------------------------------


def test_a_bearer_token_authenticates_its_user(stranger: Client, token: str) -> None:
    assert stranger.get(READ, headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("header", ["bearer {}", "BEARER {}", "Bearer   {}", "Bearer {} "])
def test_case_and_spaces_around_the_scheme_do_not_matter(header: str, stranger: Client, token: str) -> None:
    assert stranger.get(READ, headers={"Authorization": header.format(token)}).status_code == 200


def test_a_request_without_credentials_is_refused(stranger: Client) -> None:
    assert_problem(stranger.get(READ), 401, "not-authenticated")


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "{}",
        "Basic YWxpY2U6cHc=",
        "Token {}",
        "Bearer {} {}",
        "Bearer{}",
        "Bearer,{}",
    ],
)
def test_a_malformed_header_is_refused_even_with_a_valid_cookie(
    header: str, browser: Client, token: str
) -> None:
    response = browser.get(READ, headers={"Authorization": header.replace("{}", token)})
    problem = assert_problem(response, 401, "not-authenticated")
    assert "Bearer <token>" in problem["detail"]
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("guess", ["x", "hbs_" + "A" * 43, "%00", "é", "x" * 10_000])
def test_an_unknown_token_counts_as_an_expired_session(guess: str, stranger: Client, token: str) -> None:
    assert_problem(stranger.get(READ, headers=bearer(guess)), 401, "session-expired")


def _expire(alice: User) -> None:
    Session.objects.update(expires_at=timezone.now())


def _end(alice: User) -> None:
    sessions.delete_user_sessions(alice.pk)


def _disable(alice: User) -> None:
    User.objects.update(is_active=False)


def _delete(alice: User) -> None:
    users.delete_user(alice.pk)


@pytest.mark.parametrize("end_session", [_expire, _end, _disable, _delete])
def test_the_response_does_not_reveal_why_a_session_ended(
    end_session: Callable[[User], None], browser: Client, token: str, alice: User
) -> None:
    assert browser.get(READ).status_code == 200
    end_session(alice)
    responses = [browser.get(READ), browser.get(READ, headers=bearer(token))]
    details = {assert_problem(response, 401, "session-expired")["detail"] for response in responses}
    assert len(details) == 1


def test_a_token_in_the_query_string_is_ignored(stranger: Client, token: str) -> None:
    assert stranger.get(f"{READ}?token={token}&access_token={token}").status_code == 401


@pytest.mark.parametrize(
    "kind", [single_use_tokens.create_email_verification_token, single_use_tokens.create_password_reset_token]
)
def test_single_use_tokens_do_not_authenticate(kind: Any, stranger: Client, alice: User) -> None:
    _, other = kind(alice.pk, 3600)
    assert_problem(stranger.get(READ, headers=bearer(other)), 401, "session-expired")


def test_the_admins_session_does_not_authenticate_to_the_api(stranger: Client, charlie: User) -> None:
    stranger.force_login(charlie)
    assert_problem(stranger.get(READ), 401, "not-authenticated")


# --- the cookie and CSRF ------------------------------------------------------------------------------


def test_the_cookie_alone_can_read(browser: Client) -> None:
    assert browser.get(READ).status_code == 200


def test_the_cookie_with_its_csrf_token_can_write(browser: Client) -> None:
    csrf_token = browser.cookies["csrftoken"].value
    assert_problem(write(browser, **{"X-CSRFToken": csrf_token}), 404, "not-found")


@pytest.mark.parametrize("csrf_token", [None, "", "x", "A" * 32, "A" * 64])
def test_the_cookie_cannot_write_without_the_right_csrf_token(
    csrf_token: str | None, browser: Client
) -> None:
    headers = {} if csrf_token is None else {"X-CSRFToken": csrf_token}
    problem = assert_problem(write(browser, **headers), 403, "csrf-failed")
    assert "X-CSRFToken" in problem["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_unsafe_method_needs_the_csrf_token(method: str, browser: Client) -> None:
    assert_problem(browser.generic(method, READ), 403, "csrf-failed")


def test_another_origin_cannot_write_even_with_the_csrf_token(browser: Client) -> None:
    csrf_token = browser.cookies["csrftoken"].value
    headers = {"X-CSRFToken": csrf_token, "Origin": "https://evil.example"}
    assert_problem(write(browser, **headers), 403, "csrf-failed")


def test_a_bearer_token_needs_no_csrf_token(stranger: Client, token: str) -> None:
    assert_problem(write(stranger, **bearer(token)), 404, "not-found")


def test_a_bearer_token_takes_precedence_over_the_cookie(browser: Client, bob: User) -> None:
    _, bobs = sessions.create_session(bob.pk, 3600)
    assert_problem(write(browser, **bearer(bobs)), 404, "not-found")
    assert_problem(browser.get(READ, headers=bearer("dead")), 401, "session-expired")


def test_an_unknown_cookie_counts_as_an_expired_session(browser: Client) -> None:
    browser.cookies[COOKIE] = "dead"
    assert_problem(browser.get(READ), 401, "session-expired")


@pytest.mark.parametrize("https", [True, False])
def test_the_cookie_is_hidden_from_scripts_and_other_sites(https: bool, settings: Any) -> None:
    settings.PUBLIC_HTTPS = https
    response = HttpResponse()
    set_session_cookie(response, "token", 3600)
    cookie = response.cookies[COOKIE]
    assert (cookie.value, cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (
        "token",
        True,
        "Lax",
        3600,
    )
    assert bool(cookie["secure"]) is https
    assert (cookie["path"], cookie["domain"]) == ("/", "")


def test_deleting_the_cookie_uses_the_same_path_and_attributes() -> None:
    response = HttpResponse()
    delete_session_cookie(response)
    cookie = response.cookies[COOKIE]
    assert (cookie.value, cookie["max-age"], cookie["path"], cookie["samesite"]) == ("", 0, "/", "Lax")
