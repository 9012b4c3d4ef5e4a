"""accounts.rate_limits: attempts are limited across processes, and refunded to those who log in."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import rate_limits
from accounts.authentication import client_address
from accounts.models import AttemptCount, User
from core.problems import RateLimited
from tests.conftest import at_once
from tests.server import PASSWORD

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def _low_limits(settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT, settings.AUTH_ATTEMPTS_PER_ADDRESS = 3, 5


def test_attempts_at_an_account_are_limited_per_address(db: None) -> None:
    for email in ("alice@example.com", " Alice@Example.com", "ALICE@EXAMPLE.COM"):
        rate_limits.count_attempt(HERE, email)
    with pytest.raises(RateLimited) as raised:
        rate_limits.count_attempt(HERE, "alice@example.com")
    assert 0 < int(raised.value.headers["Retry-After"]) <= rate_limits.WINDOW_SECONDS + 1
    rate_limits.count_attempt(HERE, "bob@example.com")
    rate_limits.count_attempt(ELSEWHERE, "alice@example.com")


def test_attempts_from_an_address_are_limited_across_accounts(db: None) -> None:
    for number in range(5):
        rate_limits.count_attempt(HERE, f"user-{number}@example.com")
    for _ in range(3):  # refused attempts add no rows
        with pytest.raises(RateLimited):
            rate_limits.count_attempt(HERE, "another@example.com")
    assert AttemptCount.objects.count() == 6
    rate_limits.count_attempt(ELSEWHERE, "another@example.com")


@pytest.mark.parametrize(("email", "limit"), [("alice@example.com", 3), ("user-{}@example.com", 5)])
def test_concurrent_attempts_cannot_exceed_the_limit(transactional_db: None, email: str, limit: int) -> None:
    numbers = itertools.count()
    rate_limits.count_attempt(HERE, email.format("first"))
    results = at_once(12, lambda: rate_limits.count_attempt(HERE, email.format(next(numbers))))
    assert sum(isinstance(result, rate_limits.Attempt) for result in results) == limit - 1
    assert sum(isinstance(result, RateLimited) for result in results) == 13 - limit


def test_a_refunded_attempt_does_not_count(db: None) -> None:
    for _ in range(10):
        rate_limits.count_attempt(HERE, "alice@example.com").refund()
    assert set(AttemptCount.objects.values_list("attempts", flat=True)) == {0}


def test_counting_starts_again_after_the_window(db: None) -> None:
    for _ in range(3):
        rate_limits.count_attempt(HERE, "alice@example.com")
    AttemptCount.objects.update(ends_at=timezone.now())
    rate_limits.count_attempt(HERE, "alice@example.com")
    AttemptCount.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    rate_limits.count_attempt(ELSEWHERE, "alice@example.com")
    rate_limits.delete_expired()
    assert AttemptCount.objects.count() == 2


def test_addresses_of_one_ipv6_network_share_a_limit(db: None) -> None:
    for number in range(3):
        rate_limits.count_attempt(f"2001:db8:1:2::{number}", "alice@example.com")
    with pytest.raises(RateLimited):
        rate_limits.count_attempt("2001:db8:1:2:ffff::1", "alice@example.com")
    rate_limits.count_attempt("2001:db8:1:3::1", "alice@example.com")


def test_zero_means_no_limit(db: None, settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT = settings.AUTH_ATTEMPTS_PER_ADDRESS = 0
    for _ in range(10):
        rate_limits.count_attempt(HERE, "alice@example.com")
    assert not AttemptCount.objects.exists()


def test_no_email_is_stored(db: None) -> None:
    rate_limits.count_attempt(HERE, "alice@example.com")
    assert all(
        len(key) == 64 and "alice" not in key for key in AttemptCount.objects.values_list("pk", flat=True)
    )


def admin_log_in(password: str) -> Any:
    form = {"username": "charlie@example.com", "password": password}
    return Client().post("/admin/login/?next=/admin/", form)


def test_attempts_to_log_in_to_the_admin_are_limited(charlie: User) -> None:
    for _ in range(5):
        assert admin_log_in(PASSWORD).status_code == 302
    for _ in range(3):
        assert "correct" in admin_log_in("wrong").content.decode()
    assert "Too many attempts" in admin_log_in(PASSWORD).content.decode()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (False, "203.0.113.9", "127.0.0.1"),
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (True, "203.0.113.9, 2001:db8::1", "2001:db8::1"),
        (True, "203.0.113.9, nonsense", "127.0.0.1"),
        (True, "", "127.0.0.1"),
    ],
)
def test_forwarded_addresses_are_used_only_with_trust_proxy(
    settings: Any, trusted: bool, forwarded: str, address: str
) -> None:
    settings.TRUST_PROXY = trusted
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == address
