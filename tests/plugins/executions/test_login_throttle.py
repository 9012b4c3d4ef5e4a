"""Password attempts are rate-limited, however the authentication plugin is called."""

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
def _low_limits(settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT, settings.AUTH_ATTEMPTS_PER_ADDRESS = 3, 5


def test_wrong_passwords_count_on_every_endpoint(bundled: dict[str, Plugin], alice: User) -> None:
    assert_problem(API().post(LOGIN, WRONG), 401, "invalid-credentials")
    assert_problem(API().post(CALL, WRONG), 401, "invalid-credentials")
    assert API().post(CALL, WRONG, headers={"Prefer": "respond-async"}).status_code == 202
    for url in (LOGIN, CALL):
        response = API().post(url, RIGHT)
        assert_problem(response, 429, "rate-limited")
        assert int(response["Retry-After"]) > 0
    assert_problem(API().post(CALL, RIGHT, headers={"Prefer": "respond-async"}), 429, "rate-limited")
    assert history().count() == 3


def test_unknown_email_counts_like_a_known_one(bundled: dict[str, Plugin]) -> None:
    for _ in range(3):
        assert_problem(API().post(LOGIN, WRONG), 401, "invalid-credentials")
    assert_problem(API().post(LOGIN, WRONG), 429, "rate-limited")


def test_successful_log_ins_are_not_counted(bundled: dict[str, Plugin], alice: User) -> None:
    for _ in range(6):
        assert API().post(LOGIN, RIGHT).status_code == 200


def test_successful_sign_ups_count(bundled: dict[str, Plugin]) -> None:
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
def test_inputs_without_an_account_count_as_one_account(bundled: dict[str, Plugin], payload: bytes) -> None:
    statuses = [API().post(CALL, payload).status_code for _ in range(4)]
    assert 429 not in statuses[:3]
    assert statuses[3] == 429


def test_server_errors_are_not_counted(bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch) -> None:
    def overloaded(*_: Any) -> Any:
        raise Overloaded

    monkeypatch.setattr(get_pool(), "admit", overloaded)
    for _ in range(6):
        assert_problem(API().post(LOGIN, WRONG), 503, "overloaded")
    assert set(AttemptCount.objects.values_list("attempts", flat=True)) == {0}


def test_session_checks_are_not_counted(bundled: dict[str, Plugin]) -> None:
    for _ in range(8):
        response = API().get("/api/v1/auth/session", headers={"Authorization": "Bearer hbs_dead"})
        assert_problem(response, 401, "session-expired")
    assert not AttemptCount.objects.exists()


def test_call_endpoint_of_a_real_server_counts_attempts(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "data", AUTH_ATTEMPTS_PER_ACCOUNT="2")
    try:
        responses = [httpx.post(f"{server.url}{CALL}", json=WRONG, timeout=30) for _ in range(3)]
    finally:
        server.stop()
    assert [response.status_code for response in responses] == [401, 401, 429]
    assert problem_code(responses[2]) == "rate-limited"
