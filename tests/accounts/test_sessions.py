"""accounts.sessions: create, look up and end sessions."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import sessions, single_use_tokens
from accounts.models import Session, User
from accounts.users import UserDisabled
from core.events import user_group
from core.problems import NotFound
from tests.conftest import Listen


def test_a_session_is_found_by_its_token_and_nothing_else(alice: User) -> None:
    session, token = sessions.create_session(
        alice.pk, 60, user_agent="Browser/1" + "x" * 500, ip_address="2001:db8::1"
    )
    found = sessions.get_session(token)
    assert found == session
    assert found is not None
    assert found.user == alice
    assert (len(found.user_agent), found.ip_address) == (256, "2001:db8::1")
    for wrong in (
        "",
        token[:-1],
        token + " ",
        token.upper(),
        str(session.pk),
        session.token_hash,
        "\x00",
        "\ud800",
    ):
        assert sessions.get_session(wrong) is None


def test_creating_a_session_publishes_an_event_and_sets_last_login(alice: User, listen: Listen) -> None:
    with listen(user_group(alice.pk)) as events:
        session, token = sessions.create_session(alice.pk, 60)
    alice.refresh_from_db()
    assert alice.last_login == session.created_at
    assert [event["type"] for event in events] == ["session.created"]
    assert events[0]["data"] == session.event_data()
    assert token not in str(events)


def test_other_users_get_no_events_of_a_session(alice: User, bob: User, listen: Listen) -> None:
    with listen(user_group(bob.pk)) as events:
        session, _ = sessions.create_session(alice.pk, 60)
        sessions.delete_session(session.pk)
    assert events == []


def test_an_expired_session_is_not_found(alice: User) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    Session.objects.update(expires_at=timezone.now())
    assert sessions.get_session(token) is None


def test_a_disabled_user_has_no_session_and_gets_no_new_one(alice: User) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    User.objects.update(is_active=False)
    assert sessions.get_session(token) is None
    with pytest.raises(UserDisabled):
        sessions.create_session(alice.pk, 60)


def test_tokens_of_other_kinds_are_not_accepted(alice: User) -> None:
    _, verification = single_use_tokens.create_email_verification_token(alice.pk, 60)
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    assert sessions.get_session(verification) is None
    assert sessions.get_session(reset) is None
    assert single_use_tokens.use_password_reset_token(verification) is None
    assert single_use_tokens.use_email_verification_token(reset) is None


def test_a_session_can_be_ended_once(alice: User, listen: Listen) -> None:
    session, token = sessions.create_session(alice.pk, 60)
    _, other = sessions.create_session(alice.pk, 60)
    with listen(user_group(alice.pk)) as events:
        sessions.delete_session(session.pk)
    assert sessions.get_session(token) is None
    assert sessions.get_session(other) is not None
    assert [(event["type"], event["data"]["id"]) for event in events] == [("session.ended", str(session.pk))]
    with pytest.raises(NotFound):
        sessions.delete_session(session.pk)


def test_ending_all_sessions_of_a_user_returns_their_number(alice: User, bob: User) -> None:
    for _ in range(3):
        sessions.create_session(alice.pk, 60)
    bobs, _ = sessions.create_session(bob.pk, 60)
    assert sessions.delete_user_sessions(alice.pk) == 3
    assert sessions.delete_user_sessions(alice.pk) == 0
    assert list(Session.objects.all()) == [bobs]


def test_cleaning_up_deletes_only_expired_sessions(alice: User) -> None:
    live, _ = sessions.create_session(alice.pk, 60)
    for seconds in (0, -1, -3600):
        sessions.create_session(alice.pk, seconds)
    assert sessions.cleanup_expired_sessions() == 3
    assert sessions.cleanup_expired_sessions() == 0
    assert list(Session.objects.all()) == [live]


def test_a_session_expires_ttl_seconds_from_now(alice: User) -> None:
    before = timezone.now()
    session, _ = sessions.create_session(alice.pk, 3600)
    assert before + timedelta(seconds=3600) <= session.expires_at <= timezone.now() + timedelta(seconds=3600)


def test_an_unknown_user_or_session_is_not_found(db: None) -> None:
    unknown = uuid.UUID(int=0)
    with pytest.raises(NotFound):
        sessions.create_session(unknown, 60)
    with pytest.raises(NotFound):
        sessions.delete_session(unknown)
    with pytest.raises(NotFound):
        sessions.delete_user_sessions(unknown)
