"""/api/v1/users/me: the user's own account."""

from typing import Any

import pytest
from django.test import Client

from accounts import api_tokens, sessions
from accounts.authentication import COOKIE
from accounts.models import Session, User
from tests.conftest import API, assert_problem
from tests.server import PASSWORD

ME = "/api/v1/users/me"


def program(user: User) -> API:
    """A client with an API token of this user."""
    client = API()
    _row, token = api_tokens.create_api_token(user, name="t", scopes=["api"], expires_in_days=1)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_get_returns_the_users_account(alice: User) -> None:
    body = API(alice).get(ME).json()
    assert (body["id"], body["email"], body["name"], body["profile"]) == (
        str(alice.pk), "alice@example.com", "Alice", {},
    )  # fmt: skip
    assert "password" not in body


def test_name_and_profile_can_be_changed_separately(alice: User, bob: User) -> None:
    client = API(alice)
    assert client.request("PATCH", ME, {"name": "  Alicia "}).json()["name"] == "Alicia"
    changed = client.request("PATCH", ME, {"profile": {"pronouns": "she"}}).json()
    assert (changed["name"], changed["profile"]) == ("Alicia", {"pronouns": "she"})
    assert client.get(ME).json() == changed
    bob.refresh_from_db()
    assert (bob.name, bob.profile) == ("Bob", {})


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": "x" * 151}, "/name"),
        ({"name": None}, "/name"),
        ({"profile": []}, "/profile"),
        ({"profile": {"x": "y" * 20_000}}, "/profile"),
        ({"email": "mallory@example.com"}, "/email"),
        ({"is_staff": True}, "/is_staff"),
    ],
)
def test_an_invalid_field_is_named(alice: User, change: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(API(alice).request("PATCH", ME, change), 400, "invalid-input")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    alice.refresh_from_db()
    assert (alice.name, alice.is_staff) == ("Alice", False)


def test_deleting_the_account_requires_the_password_and_ends_all_sessions(alice: User, bob: User) -> None:
    client, elsewhere, bobs = API(alice), API(alice), API(bob)
    response = client.request("DELETE", ME, {"password": PASSWORD})
    assert response.status_code == 204
    assert response.cookies[COOKIE]["max-age"] == 0
    assert not User.objects.filter(pk=alice.pk).exists()
    assert_problem(elsewhere.get(ME), 401, "session-expired")
    assert bobs.get(ME).status_code == 200


@pytest.mark.parametrize("body", [{"password": "not hers"}, {"password": ""}, {}, {"password": 1}])
def test_nothing_is_deleted_without_the_right_password(alice: User, body: dict[str, Any]) -> None:
    problem = assert_problem(API(alice).request("DELETE", ME, body), 400, "invalid-input")
    assert [error["pointer"] for error in problem["errors"]] == ["/password"]
    assert API(alice).get(ME).status_code == 200


def test_password_attempts_are_limited(alice: User, settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT = 3
    client = API(alice)
    for _ in range(3):
        assert client.request("DELETE", ME, {"password": "a guess"}).status_code == 400
    assert_problem(client.request("DELETE", ME, {"password": PASSWORD}), 429, "rate-limited")
    assert User.objects.filter(pk=alice.pk).exists()


def test_the_last_owner_cannot_delete_their_account(charlie: User) -> None:
    client = API(charlie)
    assert_problem(client.request("DELETE", ME, {"password": PASSWORD}), 409, "last-owner")
    assert client.get(ME).status_code == 200


def test_an_api_token_can_read_but_not_delete_the_account(alice: User) -> None:
    client = program(alice)
    assert client.get(ME).json()["email"] == "alice@example.com"
    assert_problem(client.request("DELETE", ME, {"password": PASSWORD}), 403, "forbidden")
    assert User.objects.filter(pk=alice.pk).exists()


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_requests_without_credentials_are_refused(db: None, method: str) -> None:
    assert_problem(API().request(method, ME, {}), 401, "not-authenticated")


def test_other_methods_are_refused(alice: User) -> None:
    assert_problem(API(alice).post(ME, {}), 405, "method-not-allowed")


def test_the_cookie_alone_without_a_csrf_token_is_refused(alice: User) -> None:
    _session, token = sessions.create_session(alice.pk, 3600)
    client = Client(enforce_csrf_checks=True)
    client.cookies[COOKIE] = token
    for method in ("PATCH", "DELETE"):
        response = client.generic(method, ME, b'{"name": "Eve"}', content_type="application/json")
        assert_problem(response, 403, "csrf-failed")
    assert Session.objects.filter(user=alice).exists()
