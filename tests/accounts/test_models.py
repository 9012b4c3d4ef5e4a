"""accounts.models: rules that hold for every row, however it is written."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from unittest.mock import patch

import pytest
from argon2 import PasswordHasher
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import sessions
from accounts.models import APIToken, EmailVerificationToken, PasswordResetToken, Session, User
from accounts.passwords import from_phc
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


# --- what a new password and deactivation end ------------------------------------------------------------

NEW_PASSWORD = "seven herons by the lake"


def issue_access(user: User) -> None:
    Session.issue(user, 60)
    PasswordResetToken.issue(user, 60)
    APIToken.issue(user, 60, name="CI", scopes=["api"])
    APIToken.issue(user, 60, name="a service", scopes=["notify"], plugin="notes")


def access_of(user: User) -> list[str]:
    models = (Session, PasswordResetToken, APIToken, EmailVerificationToken)
    return [row.__name__ for row in models for _ in row.objects.filter(user=user)]


def set_and_save(user: User) -> None:
    user.set_password(NEW_PASSWORD)
    user.save()


def set_and_save_the_field(user: User) -> None:
    user.set_password(NEW_PASSWORD)
    user.save(update_fields=["password"])


def save_a_hash(user: User) -> None:
    user.password = make_password(NEW_PASSWORD)
    user.save()


def make_unusable(user: User) -> None:
    user.set_unusable_password()
    user.save()


def run_the_command(user: User) -> None:
    with patch("getpass.getpass", return_value=NEW_PASSWORD):
        call_command("changepassword", user.email, stdout=StringIO())


@pytest.mark.parametrize(
    "change", [set_and_save, set_and_save_the_field, save_a_hash, make_unusable, run_the_command]
)
def test_every_way_to_set_a_password_ends_the_access_by_the_old_one(
    change: Callable[[User], None], alice: User, bob: User, listen: Listen
) -> None:
    issue_access(alice)
    issue_access(bob)
    with listen(user_group(alice.pk)) as events:
        change(alice)
    assert access_of(alice) == []
    assert len(access_of(bob)) == 4
    assert [event["type"] for event in events] == ["session.ended", "token.ended", "token.ended"]
    assert {event["data"].get("name") for event in events} == {None, "CI", "a service"}


def test_saving_the_same_password_ends_nothing(alice: User) -> None:
    issue_access(alice)
    alice.save()
    User.objects.get(pk=alice.pk).save(update_fields=["password"])
    User.objects.defer("password").get(pk=alice.pk).save()
    alice.password = "not written"
    alice.save(update_fields=["name"])
    assert len(access_of(alice)) == 4


def test_rehashing_the_same_password_ends_nothing(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(
        password=from_phc(PasswordHasher(time_cost=3, memory_cost=19456, parallelism=1).hash(PASSWORD))
    )
    alice.refresh_from_db()
    old = alice.password
    issue_access(alice)
    assert alice.check_password(PASSWORD)
    assert len(access_of(alice)) == 4
    stored = User.objects.get(pk=alice.pk)
    assert stored.password == alice.password != old
    assert stored.check_password(PASSWORD)


def test_deactivation_ends_all_access_for_good(alice: User, bob: User) -> None:
    issue_access(alice)
    issue_access(bob)
    EmailVerificationToken.issue(alice, 60)
    alice.is_active = False
    alice.save()
    alice.is_active = True
    alice.save()
    assert access_of(alice) == []
    assert len(access_of(bob)) == 4


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
