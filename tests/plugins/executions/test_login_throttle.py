"""Passwords cannot be tried without bound at the authentication plugin, by whichever way it is called."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.models import AttemptCount, User
from plugins.models import Plugin
from plugins.runtime.admission_queue import Overloaded
from plugins.runtime.service import get_pool
from tests.conftest import API, assert_problem, history
from tests.server import PASSWORD, Server, problem_code

LOGIN, CALL = "/api/v1/auth/login", "/api/v1/plugins/auth/call/login"
WRONG = {"email": "alice@example.com", "password": "wrong"}
RIGHT = WRONG | {"password": PASSWORD}


@pytest.fixture(autouse=True)
def _few(settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT, settings.AUTH_ATTEMPTS_PER_ADDRESS = 3, 5


def test_wrong_passwords_count_whichever_way_they_come(bundled: dict[str, Plugin], alice: User) -> None:
    assert_problem(API().post(LOGIN, WRONG), 401, "invalid-credentials")
    assert_problem(API().post(CALL, WRONG), 401, "invalid-credentials")
    assert API().post(CALL, WRONG, headers={"Prefer": "respond-async"}).status_code == 202
    for url in (LOGIN, CALL):
        response = API().post(url, RIGHT)
        assert_problem(response, 429, "rate-limited")
        assert int(response["Retry-After"]) > 0
    assert_problem(API().post(CALL, RIGHT, headers={"Prefer": "respond-async"}), 429, "rate-limited")
    assert history().count() == 3


def test_an_unknown_email_is_counted_like_a_known_one(bundled: dict[str, Plugin]) -> None:
    for _ in range(3):
        assert_problem(API().post(LOGIN, WRONG), 401, "invalid-credentials")
    assert_problem(API().post(LOGIN, WRONG), 429, "rate-limited")


def test_who_proves_who_they_are_is_not_counted(bundled: dict[str, Plugin], alice: User) -> None:
    for _ in range(6):
        assert API().post(LOGIN, RIGHT).status_code == 200


def test_sign_ups_count_also_when_they_succeed(bundled: dict[str, Plugin]) -> None:
    for number in range(5):
        body = {"email": f"user-{number}@example.com", "name": "User", "password": PASSWORD}
        assert API().post("/api/v1/auth/signup", body).status_code == 201
    body = {"email": "one-more@example.com", "name": "User", "password": PASSWORD}
    assert_problem(API().post("/api/v1/auth/signup", body), 429, "rate-limited")


@pytest.mark.parametrize(
    "payload",
    [
        b"nonsense",
        b'["alice@example.com"]',
        b'{"email": 1}',
        json.dumps(WRONG | {"x": "y" * 20_000}).encode(),
    ],
)
def test_what_names_no_account_counts_for_one_account_of_its_own(
    bundled: dict[str, Plugin], payload: bytes
) -> None:
    statuses = [API().post(CALL, payload).status_code for _ in range(4)]
    assert 429 not in statuses[:3]
    assert statuses[3] == 429


def test_what_the_server_was_not_up_to_is_not_counted(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    def overloaded(*_: Any) -> Any:
        raise Overloaded

    monkeypatch.setattr(get_pool(), "admit", overloaded)
    for _ in range(6):
        assert_problem(API().post(LOGIN, WRONG), 503, "overloaded")
    assert set(AttemptCount.objects.values_list("attempts", flat=True)) == {0}


def test_sessions_can_be_checked_and_ended_any_number_of_times(bundled: dict[str, Plugin]) -> None:
    for _ in range(8):
        response = API().get("/api/v1/auth/session", headers={"Authorization": "Bearer hbs_dead"})
        assert_problem(response, 401, "session-expired")
    assert not AttemptCount.objects.exists()


@pytest.mark.server
def test_on_a_real_server_too_in_front_of_django(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "data", AUTH_ATTEMPTS_PER_ACCOUNT="2")
    try:
        answers = [httpx.post(f"{server.url}{CALL}", json=WRONG, timeout=30) for _ in range(3)]
    finally:
        server.stop()
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert problem_code(answers[2]) == "rate-limited"
