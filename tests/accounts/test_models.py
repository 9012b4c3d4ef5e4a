"""accounts.models: rules that hold for every row, however it is written."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import sessions
from accounts.models import EmailVerificationToken, PasswordResetToken, Session, User
from core.events import STAFF_GROUP, user_group
from tests.conftest import PASSWORD, Listen


def test_saving_a_user_normalises_the_email(db: None) -> None:
    user = User.objects.create(email=" Dora@Example.COM ", name="Dora")
    user.refresh_from_db()
    assert user.email == "dora@example.com"


def test_the_database_refuses_an_email_in_another_case(alice: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email="ALICE@example.com", name="Not Alice")])


def test_a_form_refuses_an_email_in_another_case(alice: User) -> None:
    with pytest.raises(ValidationError) as refused:
        User(email="ALICE@example.com", name="Not Alice", password="!").full_clean()
    assert "email" in refused.value.message_dict


def test_a_user_has_a_random_uuid_and_is_displayed_as_the_email(alice: User, bob: User) -> None:
    assert alice.pk != bob.pk
    assert alice.pk.version == 4
    assert str(alice) == "alice@example.com"


def test_the_manager_creates_users_without_rights_and_superusers_with_all(db: None) -> None:
    user = User.objects.create_user("Dora@Example.com", PASSWORD, name="Dora")
    owner = User.objects.create_superuser("erin@example.com", PASSWORD, name="Erin")
    assert (user.email, user.is_staff, user.is_superuser) == ("dora@example.com", False, False)
    assert (owner.is_staff, owner.is_superuser) == (True, True)
    assert user.check_password(PASSWORD)


def test_the_natural_key_is_case_insensitive(alice: User) -> None:
    assert User.objects.get_by_natural_key("ALICE@Example.com") == alice


def test_disabling_a_user_ends_all_sessions_for_good(alice: User, bob: User, listen: Listen) -> None:
    ended = {str(Session.issue(alice, 60)[0].pk) for _ in range(2)}
    bobs, _ = Session.issue(bob, 60)
    with listen(STAFF_GROUP) as events:
        alice.is_active = False
        alice.save()
    alice.is_active = True
    alice.save()
    assert list(Session.objects.all()) == [bobs]
    assert {(event["type"], event["data"]["id"]) for event in events} == {
        ("session.ended", session) for session in ended
    }


def test_saving_an_active_user_keeps_the_sessions(alice: User) -> None:
    session, _ = Session.issue(alice, 60)
    alice.save()
    assert Session.objects.get() == session


def test_losing_staff_status_ends_all_sessions(charlie: User, listen: Listen) -> None:
    """A live feed determines its groups when it starts, and ends with its session."""
    session, _token = sessions.create_session(charlie.pk, 3600)
    charlie.is_staff = False
    charlie.save(update_fields=["name"])
    assert Session.objects.filter(pk=session.pk).exists()
    with listen(user_group(charlie.pk)) as events:
        charlie.save()
    assert [event["type"] for event in events] == ["session.ended"]
    session, _token = sessions.create_session(charlie.pk, 3600)
    charlie.is_staff = True
    charlie.save()
    assert Session.objects.filter(pk=session.pk).exists()


def test_is_last_owner_counts_only_active_superusers(alice: User, charlie: User) -> None:
    assert not alice.is_last_owner
    assert charlie.is_last_owner
    User.objects.filter(pk=alice.pk).update(is_superuser=True, is_active=False)
    assert charlie.is_last_owner
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert not charlie.is_last_owner


@pytest.mark.parametrize("model", [Session, EmailVerificationToken, PasswordResetToken])
def test_a_secret_is_live_until_it_expires(
    model: type[Session], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    row, _ = model.issue(alice, 60)
    assert row.expires_at == now + timedelta(seconds=60)

    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(seconds=59))
    assert list(model.objects.live()) == [row]
    assert not model.objects.expired().exists()

    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(seconds=60))
    assert not model.objects.live().exists()
    assert list(model.objects.expired()) == [row]


def test_the_event_data_of_a_session_contains_no_secret_and_no_ip_address(alice: User) -> None:
    session, token = Session.issue(alice, 60, user_agent="Browser/1", ip_address="192.0.2.7")
    data = session.event_data()
    assert set(data) == {"id", "user_id", "created_at", "expires_at"}
    assert token not in str(data)
    assert session.token_hash not in str(data)


def test_ending_no_sessions_is_not_an_error(db: None) -> None:
    assert Session.objects.all().end() == 0
