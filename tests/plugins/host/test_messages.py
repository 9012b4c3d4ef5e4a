"""send_email and notify: what plugins can send to people, to whom, and how often."""

import re
from collections.abc import Callable
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError
from django.utils import timezone

from accounts import api_tokens, rate_limits, single_use_tokens, users
from accounts.mail import EmailNotSent, send_account_email
from accounts.models import AttemptCount, SentEmail, User
from core.events import STAFF_GROUP, user_group
from core.problems import RateLimited
from plugins.host.caller import Caller
from plugins.models import Plugin
from plugins.operations import NOTIFICATIONS, notify
from plugins.registry import configuration
from tests.conftest import API, Listen, assert_problem, at_once

HOUR = 3600


def test_email_goes_to_account_address_with_link_to_this_server(alice: User, settings: Any) -> None:
    settings.PUBLIC_URL = "https://plugins.example.com"
    _row, token = single_use_tokens.create_password_reset_token(alice.pk, HOUR)
    send_account_email(alice.pk, "reset-password", token)
    (sent,) = mail.outbox
    assert sent.to == ["alice@example.com"]
    (link,) = re.findall(r"https?://\S+", sent.body)
    assert link == f"https://plugins.example.com/reset-password#token={token}"


def test_name_cannot_inject_link_or_header(alice: User) -> None:
    """Anyone can sign up with someone else's address under any name."""
    name = "x\r\nBcc: eve@example.com\r\nYou won! Look at https://eve.example/ "
    users.update_profile(alice.pk, name=name)
    for template, make in (
        ("verify-email", single_use_tokens.create_email_verification_token),
        ("reset-password", single_use_tokens.create_password_reset_token),
    ):
        _row, token = make(alice.pk, HOUR)
        send_account_email(alice.pk, template, token)
        assert "eve" not in mail.outbox.pop().body
    _row, token = single_use_tokens.create_email_verification_token(alice.pk, HOUR)
    send_account_email(alice.pk, "verify-email", token)
    (sent,) = mail.outbox
    assert sent.recipients() == ["alice@example.com"]
    assert "\n" not in sent.subject
    assert sent.alternatives == []


def test_hourly_email_limit_holds_under_concurrency(transactional_db: None, alice: User) -> None:
    _row, token = single_use_tokens.create_email_verification_token(alice.pk, HOUR)
    results = at_once(12, lambda: send_account_email(alice.pk, "verify-email", token))
    assert results.count(None) == 5
    assert len([result for result in results if isinstance(result, RateLimited)]) == 7
    assert SentEmail.objects.count() == 5


def test_failed_email_is_reported_and_not_counted(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any) -> None:
        raise SMTPServerDisconnected("secret server detail")

    monkeypatch.setattr("accounts.mail.send_mail", down)
    _row, token = single_use_tokens.create_email_verification_token(alice.pk, HOUR)
    with pytest.raises(EmailNotSent) as raised:
        send_account_email(alice.pk, "verify-email", token)
    assert "secret" not in raised.value.detail
    assert not SentEmail.objects.exists()


@pytest.fixture
def plugin(db: None) -> Plugin:
    return Plugin.objects.create(slug="weather")


def send(plugin: Plugin, **data: Any) -> Any:
    return notify(
        Caller(frozenset({"notify"}), plugin.slug), {"title": "Rain", "body": "", "level": "info"} | data
    )


@pytest.mark.parametrize(("who", "hears"), [("alice", 1), ("bob", 0), ("staff", 0)])
def test_notification_reaches_only_its_user(
    plugin: Plugin, alice: User, bob: User, listen: Listen, who: str, hears: int
) -> None:
    group = {"alice": user_group(alice.pk), "bob": user_group(bob.pk), "staff": STAFF_GROUP}[who]
    with listen(group) as events:
        assert send(plugin, user_id=alice.pk) == {"delivered_to": "user"}
    assert len(events) == hears
    for event in events:
        assert event["type"] == "notification"
        assert event["data"] == {"title": "Rain", "body": "", "level": "info", "plugin": "weather"}


@pytest.mark.parametrize(("who", "hears"), [("alice", 1), ("bob", 0)])
def test_notification_to_watchers_reaches_watchers(
    plugin: Plugin, alice: User, bob: User, listen: Listen, who: str, hears: int
) -> None:
    group = user_group({"alice": alice, "bob": bob}[who].pk)
    configuration.set_watching(plugin, alice, True)
    configuration.set_watching(plugin, alice, True)
    with listen(group) as events:
        assert send(plugin) == {"delivered_to": "watchers"}
    assert len(events) == hears
    configuration.set_watching(plugin, alice, False)
    with listen(group) as events:
        send(plugin)
    assert events == []


@pytest.mark.parametrize("to_watchers", [False, True])
def test_notification_limit_holds_under_concurrency(
    transactional_db: None, plugin: Plugin, alice: User, listen: Listen, to_watchers: bool
) -> None:
    configuration.set_watching(plugin, alice, True)
    whom = {} if to_watchers else {"user_id": alice.pk}
    with listen(user_group(alice.pk)) as events:
        for _ in range(NOTIFICATIONS - 4):
            send(plugin, **whom)
        results = at_once(10, lambda: send(plugin, **whom))
        refused = [result for result in results if isinstance(result, RateLimited)]
        assert len(refused) == 6
    assert len(events) == NOTIFICATIONS
    assert 0 < int(refused[0].headers["Retry-After"]) <= rate_limits.WINDOW_SECONDS + 1


def test_notification_limit_is_per_user_and_expires(plugin: Plugin, alice: User, bob: User) -> None:
    for _ in range(NOTIFICATIONS):
        send(plugin, user_id=alice.pk)
    with pytest.raises(RateLimited):
        send(plugin, user_id=alice.pk)
    send(plugin, user_id=bob.pk)
    send(plugin)
    send(Plugin.objects.create(slug="news"), user_id=alice.pk)
    AttemptCount.objects.update(ends_at=timezone.now())
    send(plugin, user_id=alice.pk)


def test_unpublished_notification_does_not_count(
    plugin: Plugin, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise DatabaseError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr("plugins.operations.events.publish", full)
        with pytest.raises(DatabaseError):
            send(plugin, user_id=alice.pk)
    assert not AttemptCount.objects.exists()


def test_guest_gets_problem_over_notification_limit(install: Callable[..., Plugin], charlie: User) -> None:
    install("hostcall", "notify")
    _row, token = api_tokens.create_api_token(
        charlie, name="x", scopes=["notify"], expires_in_days=1, plugin="hostcall"
    )
    client = API()
    client.headers["Authorization"] = f"Bearer {token}"
    url, body = "/host/v1/notifications", {"title": "Rain", "user_id": str(charlie.pk)}
    for _ in range(NOTIFICATIONS):
        assert client.post(url, body).status_code == 202
    response = client.post(url, body)
    problem = assert_problem(response, 429, "rate-limited")
    assert "30 notifications" in problem["detail"]
    assert int(response["Retry-After"]) > 0


def test_watching_can_be_switched_over_rest(bundled: dict[str, Plugin], alice: User) -> None:
    client = API(alice)
    url = "/api/v1/plugins/template"
    assert client.get(url).json()["watching"] is False
    for _ in range(2):
        assert client.request("PUT", f"{url}/watch").status_code == 204
    assert client.get(url).json()["watching"] is True
    for _ in range(2):
        assert client.request("DELETE", f"{url}/watch").status_code == 204
    assert client.get(url).json()["watching"] is False
    assert_problem(client.request("PUT", "/api/v1/plugins/nothing/watch"), 404, "not-found")
    assert_problem(API().request("PUT", f"{url}/watch"), 401, "not-authenticated")
