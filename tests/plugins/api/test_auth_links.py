"""E-mail verification, password reset and password change: through the REST API and the auth plugin.

Tests that set passwords run in both hashing modes, by the host and by the plugin.
"""

import json
import re
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import api_tokens, sessions, users
from accounts.authentication import COOKIE
from accounts.models import EmailVerificationToken, PasswordResetToken, User
from plugins.executions import authorization, runner
from plugins.models import Execution, Plugin
from tests.conftest import API, PASSWORD, assert_problem, at_once, history, host_calls
from tests.plugins.api.test_auth import set_hashing

AUTH = "/api/v1/auth"
EMAIL = "alice@example.com"
NEW = "another long password"


@pytest.fixture(params=["host", "guest"])
def hashing(request: pytest.FixtureRequest, bundled: dict[str, Plugin]) -> str:
    set_hashing(request.param)
    return str(request.param)


def ask(what: str, email: str = EMAIL) -> Any:
    return API().post(f"{AUTH}/request-{what}", {"email": email})


def sent_token(page: str) -> str:
    """The token in the link to this page, in the only e-mail sent."""
    (sent,) = mail.outbox
    (token,) = re.findall(rf"https?://\S+/{page}#token=(\S+)", sent.body)
    mail.outbox.clear()
    return str(token)


def reset_token() -> str:
    assert ask("password-reset").status_code == 202
    return sent_token("reset-password")


def reset(token: str, password: str = NEW) -> Any:
    return API().post(f"{AUTH}/reset-password", {"token": token, "password": password})


def log_in(password: str) -> int:
    response = API().post(f"{AUTH}/login", {"email": EMAIL, "password": password})
    return int(response.status_code)


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


# --- e-mail verification ------------------------------------------------------------------------------


def test_verification_link_works_once(bundled: dict[str, Plugin], alice: User) -> None:
    asked = ask("email-verification", " Alice@Example.com ")
    assert (asked.status_code, asked.content) == (202, b"")
    token = sent_token("verify-email")
    confirmed = API().post(f"{AUTH}/verify-email", {"token": token})
    assert confirmed.status_code == 200
    assert (confirmed.json()["user"]["email"], confirmed.json()["user"]["email_verified"]) == (EMAIL, True)
    alice.refresh_from_db()
    assert alice.email_verified
    assert_problem(API().post(f"{AUTH}/verify-email", {"token": token}), 400, "token-invalid")


def test_no_link_is_sent_without_need_and_answer_is_the_same(
    bundled: dict[str, Plugin], alice: User, bob: User
) -> None:
    users.set_email_verified(alice.pk, True)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    for what, email in (
        ("email-verification", EMAIL),
        ("email-verification", "nobody@example.com"),
        ("email-verification", bob.email),
        ("password-reset", "nobody@example.com"),
        ("password-reset", bob.email),
    ):
        answer = ask(what, email)
        assert (answer.status_code, answer.content) == (202, b"")
    assert mail.outbox == []
    assert not EmailVerificationToken.objects.exists()
    assert not PasswordResetToken.objects.exists()


def test_made_up_verification_is_not_believed(
    bundled: dict[str, Plugin], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def liar(authorized: authorization.Authorization, payload: bytes) -> runner.Outcome:
        execution = Execution(
            plugin=authorized.plugin, release=authorized.release, function=authorized.function.name
        )
        answer = {"user": {"email": EMAIL, "email_verified": True}}
        return runner.Outcome(execution, authorized.function, json.dumps(answer).encode())

    monkeypatch.setattr(runner, "run_and_wait", liar)
    assert_problem(API().post(f"{AUTH}/verify-email", {"token": "x"}), 502, "plugin-output-invalid")


# --- password reset -----------------------------------------------------------------------------------


def test_password_reset_link_works_once(hashing: str, alice: User) -> None:
    session = API(alice)
    token = reset_token()
    answer = reset(token)
    assert (answer.status_code, answer.json()) == (200, {"ended_api_tokens": 0})
    assert (log_in(PASSWORD), log_in(NEW)) == (401, 200)
    assert_problem(session.get("/api/v1/users/me"), 401, "session-expired")
    alice.refresh_from_db()
    assert alice.email_verified  # following the link proves that the address is theirs
    assert_problem(reset(token, "a third long password"), 400, "token-invalid")
    assert log_in(NEW) == 200


def test_refused_password_keeps_reset_link_valid(bundled: dict[str, Plugin], alice: User) -> None:
    token = reset_token()
    for weak in ("short", "password123", EMAIL):
        problem = assert_problem(reset(token, weak), 400, "invalid-input")
        assert pointers(problem) == ["/password"]
    assert log_in(PASSWORD) == 200
    assert reset(token).status_code == 200


def test_one_of_several_concurrent_resets_wins(bundled: dict[str, Plugin], alice: User) -> None:
    token = reset_token()
    passwords = [f"{NEW} {n}" for n in range(4)]
    given = iter(passwords)
    answers = at_once(4, lambda: reset(token, next(given)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    for answer in answers:
        if answer.status_code == 400:
            assert_problem(answer, 400, "token-invalid")
    alice.refresh_from_db()
    assert sum(alice.check_password(password) for password in passwords) == 1


def test_reset_link_expires_and_ends_with_next_password(bundled: dict[str, Plugin], alice: User) -> None:
    token = reset_token()
    made = PasswordResetToken.objects.get()
    assert abs(made.expires_at - made.created_at - timedelta(hours=1)) < timedelta(seconds=2)
    PasswordResetToken.objects.update(expires_at=timezone.now())
    assert_problem(reset(token), 400, "token-invalid")
    token = reset_token()
    users.update_password(alice.pk, password="changed meanwhile")
    assert_problem(reset(token), 400, "token-invalid")


def test_links_of_one_kind_do_not_work_as_the_other(bundled: dict[str, Plugin], alice: User) -> None:
    ask("email-verification")
    assert_problem(reset(sent_token("verify-email")), 400, "token-invalid")
    assert_problem(API().post(f"{AUTH}/verify-email", {"token": reset_token()}), 400, "token-invalid")
    alice.refresh_from_db()
    assert not alice.email_verified


# --- asking for links ---------------------------------------------------------------------------------


def test_unreachable_mail_server_is_reported(
    bundled: dict[str, Plugin], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise SMTPServerDisconnected("away")

    monkeypatch.setattr("accounts.mail.send_mail", refuse)
    assert_problem(ask("password-reset"), 424, "email-not-sent")


def test_link_requests_are_limited_with_same_answer(
    bundled: dict[str, Plugin], alice: User, settings: Any
) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT = 100
    assert {ask("password-reset").status_code for _ in range(7)} == {202}
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("what", ["email-verification", "password-reset"])
def test_link_requests_are_rate_limited(bundled: dict[str, Plugin], what: str, settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT = 3
    answers = [ask(what, "nobody@example.com").status_code for _ in range(4)]
    assert answers == [202, 202, 202, 429]


# --- change of password -------------------------------------------------------------------------------


def change(client: API, current: str = PASSWORD, new: str = NEW, **options: Any) -> Any:
    data = {"current_password": current, "new_password": new}
    return client.post(f"{AUTH}/change-password", data, **options)


def test_password_change_keeps_only_this_session(hashing: str, alice: User) -> None:
    here, elsewhere = API(alice), API(alice)
    link = reset_token()
    answer = change(here)
    assert (answer.status_code, answer.json()) == (200, {"ended_api_tokens": 0})
    assert here.get("/api/v1/users/me").status_code == 200
    assert_problem(elsewhere.get("/api/v1/users/me"), 401, "session-expired")
    assert_problem(reset(link), 400, "token-invalid")
    assert (log_in(PASSWORD), log_in(NEW)) == (401, 200)


def give_tokens(user: User) -> list[str]:
    return [
        api_tokens.create_api_token(user, name=name, scopes=["api"], expires_in_days=1)[1] for name in "ab"
    ]


def live(tokens: list[str]) -> int:
    return sum(api_tokens.get_api_token(token) is not None for token in tokens)


def test_password_reset_ends_api_tokens_and_says_how_many(hashing: str, alice: User, bob: User) -> None:
    tokens, others = give_tokens(alice), give_tokens(bob)
    link = reset_token()
    assert_problem(reset(link, "x" * 129), 400, "invalid-input")
    assert live(tokens) == 2
    assert reset(link).json() == {"ended_api_tokens": 2}
    assert (live(tokens), live(others)) == (0, 2)


@pytest.mark.parametrize(
    ("asked", "ended"), [({}, 2), ({"end_api_tokens": True}, 2), ({"end_api_tokens": False}, 0)]
)
def test_password_change_ends_api_tokens_unless_asked_to_keep_them(
    hashing: str, alice: User, asked: dict[str, bool], ended: int
) -> None:
    tokens = give_tokens(alice)
    data = {"current_password": PASSWORD, "new_password": NEW}
    client = API(alice)
    wrong = data | asked | {"current_password": "a wrong guess"}
    assert_problem(client.post(f"{AUTH}/change-password", wrong), 400, "invalid-input")
    assert live(tokens) == 2
    answer = client.post(f"{AUTH}/change-password", data | asked)
    assert (answer.status_code, answer.json()) == (200, {"ended_api_tokens": ended})
    assert live(tokens) == 2 - ended
    assert client.get("/api/v1/users/me").status_code == 200


def test_choice_to_keep_api_tokens_ends_with_its_request(bundled: dict[str, Plugin], alice: User) -> None:
    client, tokens = API(alice), give_tokens(alice)
    data = {"current_password": PASSWORD, "new_password": NEW, "end_api_tokens": False}
    assert client.post(f"{AUTH}/change-password", data).status_code == 200
    users.update_password(alice.pk, password="changed meanwhile")
    assert live(tokens) == 0


def test_plugin_called_directly_ends_api_tokens(bundled: dict[str, Plugin], alice: User) -> None:
    tokens = give_tokens(alice)
    session = sessions.create_session(alice.pk, 60)[1]
    data = {"token": session, "current_password": PASSWORD, "new_password": NEW}
    assert API().post("/api/v1/plugins/auth/call/change_password", data).status_code == 200
    assert live(tokens) == 0


def test_password_change_needs_current_password(hashing: str, alice: User) -> None:
    client = API(alice)
    problem = assert_problem(change(client, current="a wrong guess"), 400, "invalid-input")
    assert pointers(problem) == ["/current_password"]
    assert_problem(change(API()), 401, "not-authenticated")
    client.headers["Authorization"] = "Bearer hbs_made_up"
    assert_problem(change(client), 401, "session-expired")
    assert log_in(PASSWORD) == 200


@pytest.mark.parametrize("weak", ["short", "password123"])
def test_weak_new_password_is_refused_at_its_field(
    bundled: dict[str, Plugin], alice: User, weak: str
) -> None:
    client = API(alice)
    problem = assert_problem(change(client, new=weak), 400, "invalid-input")
    assert pointers(problem) == ["/new_password"]
    assert client.get("/api/v1/users/me").status_code == 200
    assert log_in(PASSWORD) == 200


def test_guesses_of_current_password_are_limited(
    bundled: dict[str, Plugin], alice: User, settings: Any
) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT = 3
    client = API(alice)
    assert change(client).status_code == 200  # a correct password does not count
    answers = [change(client, current="a wrong guess").status_code for _ in range(4)]
    assert answers == [400, 400, 400, 429]
    assert change(API(alice), current=NEW, new=PASSWORD).status_code == 200


def test_password_change_with_cookie_needs_csrf_token(bundled: dict[str, Plugin], alice: User) -> None:
    web = API()
    web.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    web.client.get("/")
    web.client.cookies[COOKIE] = sessions.create_session(alice.pk, 60)[1]
    assert_problem(change(web), 403, "csrf-failed")
    proof = {"X-CSRFToken": web.client.cookies["csrftoken"].value}
    assert change(web, headers=proof).status_code == 200


# --- all of them --------------------------------------------------------------------------------------

PATHS = {
    "request-email-verification": {"email": EMAIL},
    "verify-email": {"token": "hbv_x"},
    "request-password-reset": {"email": EMAIL},
    "reset-password": {"token": "hbr_x", "password": NEW},
    "change-password": {"current_password": PASSWORD, "new_password": NEW},
}


@pytest.mark.parametrize("path", PATHS)
def test_missing_invalid_or_unknown_field_is_named(
    bundled: dict[str, Plugin], alice: User, path: str
) -> None:
    client, good = API(alice), PATHS[path]
    for field in good:
        for wrong in ({**good, field: 1}, {**good, field: ""}, {**good, field: "x" * 2000}):
            problem = assert_problem(client.post(f"{AUTH}/{path}", wrong), 400, "invalid-input")
            assert pointers(problem) == [f"/{field}"]
        missing = {key: value for key, value in good.items() if key != field}
        problem = assert_problem(client.post(f"{AUTH}/{path}", missing), 400, "invalid-input")
        assert pointers(problem) == [f"/{field}"]
    problem = assert_problem(client.post(f"{AUTH}/{path}", good | {"more": 1}), 400, "invalid-input")
    assert pointers(problem) == ["/more"]


@pytest.mark.parametrize("path", PATHS)
def test_disabled_auth_plugin_is_reported(bundled: dict[str, Plugin], alice: User, path: str) -> None:
    Plugin.objects.filter(slug="auth").update(enabled=False)
    problem = assert_problem(API(alice).post(f"{AUTH}/{path}", PATHS[path]), 409, "plugin-disabled")
    assert "auth" in problem["detail"]


def test_history_holds_no_passwords_tokens_or_addresses(hashing: str, alice: User) -> None:
    client = API(alice)
    ask("email-verification")
    verification = sent_token("verify-email")
    API().post(f"{AUTH}/verify-email", {"token": verification})
    change(client, current="a wrong guess")
    token = reset_token()
    reset(token, "short")
    reset(token)
    assert history().filter(plugin__slug="auth").count() == 6
    kept = json.dumps([list(history().values()), list(host_calls().values())], default=str)
    for secret in (PASSWORD, NEW, "a wrong guess", verification, token, EMAIL):
        assert secret not in kept
