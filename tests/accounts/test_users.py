"""accounts.users: what each function does and refuses, also when called concurrently."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError

from accounts import passwords, sessions, single_use_tokens, users
from accounts.models import EmailVerificationToken, PasswordResetToken, Session, User
from accounts.passwords import to_phc
from accounts.users import EmailTaken
from core.events import STAFF_GROUP, user_group
from core.problems import InvalidInput, NotFound
from tests.conftest import PASSWORD, Listen, at_once

UNKNOWN_ID = uuid.UUID(int=0)
NEW_PASSWORD = "seven herons by the lake"


# --- accounts -----------------------------------------------------------------------------------------


def test_create_a_user_with_a_password(db: None) -> None:
    user = users.create_user(email="Dora@Example.COM", name=" Dora ", password=PASSWORD)
    user.refresh_from_db()
    assert (user.email, user.name, user.profile) == ("dora@example.com", "Dora", {})
    assert (user.is_active, user.is_staff, user.is_superuser, user.email_verified) == (
        True,
        False,
        False,
        False,
    )
    assert user.check_password(PASSWORD)


def test_create_a_user_with_a_guests_password_hash_and_a_profile(db: None) -> None:
    phc = to_phc(make_password(PASSWORD))
    user = users.create_user(email="d@example.com", name="D", password_hash=phc, profile={"a": [1]})
    user.refresh_from_db()
    assert user.profile == {"a": [1]}
    assert users.password_hash(user) == phc
    assert users.verify_password(user.pk, PASSWORD)


@pytest.mark.parametrize(
    "email",
    [
        "", " ", "alice", "@example.com", "alice@", "alice@@example.com", "al ice@example.com",
        "alice@example.com\nBcc: x@example.com", "<alice@example.com>", "ali\x00ce@example.com",
        "ålice@example.com", "a@" + ".".join(["b" * 60] * 4) + ".example.com",
        # Short as written, but 260 characters once composed.
        "a@" + ".".join(["㌀" * 15] * 4) + ".example.com.example",
    ],
)  # fmt: skip
def test_an_invalid_email_is_refused(email: str, db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email=email, name="Dora", password=PASSWORD)
    assert refused.value.errors[0]["pointer"] == "/email"
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@EXAMPLE.COM", " \uff41lice@example.com "])
def test_a_taken_email_is_refused_in_any_spelling(email: str, alice: User) -> None:
    with pytest.raises(EmailTaken):
        users.create_user(email=email, name="Not Alice", password=PASSWORD)
    assert User.objects.get().name == "Alice"


def test_of_two_concurrent_sign_ups_with_one_email_one_succeeds(transactional_db: None) -> None:
    results = at_once(2, lambda: users.create_user(email="Dora@example.com", name="Dora", password=PASSWORD))
    assert sorted(type(result).__name__ for result in results) == ["EmailTaken", "User"]
    assert User.objects.count() == 1


def test_other_database_errors_are_not_reported_as_a_taken_email(alice: User) -> None:
    with pytest.raises(IntegrityError):
        users.create_user(email="dora@example.com", name="Dora", password=PASSWORD, is_staff=None)


@pytest.mark.parametrize("password", ["", "short", "12345678", "password123", "dora@example.com", "x" * 129])
def test_a_weak_password_is_refused(password: str, db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email="dora@example.com", name="Dora", password=password)
    assert {error["pointer"] for error in refused.value.errors} == {"/password"}
    assert all(error["detail"] for error in refused.value.errors)
    assert not User.objects.exists()


def test_all_reasons_against_a_password_are_reported(db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email="dora@example.com", name="Dora", password="12345")
    assert len(refused.value.errors) == 2  # short, common


@pytest.mark.parametrize("passwords", [{}, {"password": PASSWORD, "password_hash": "$argon2id$"}])
def test_a_user_needs_either_a_password_or_a_hash(passwords: dict[str, str], db: None) -> None:
    with pytest.raises(InvalidInput):
        users.create_user(email="dora@example.com", name="Dora", **passwords)
    assert not User.objects.exists()


def test_an_invalid_password_hash_is_refused(db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email="dora@example.com", name="Dora", password_hash="$argon2id$v=19$m=8,t=1,p=1$")
    assert refused.value.errors[0]["pointer"] == "/password_hash"
    assert not User.objects.exists()


def test_get_a_user_by_email_in_any_case_or_by_id(alice: User, bob: User) -> None:
    assert users.get_user_by_email(" ALICE@example.com") == alice
    assert users.get_user(bob.pk) == bob


def test_an_unknown_user_is_not_found(alice: User) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: users.get_user_by_email("nobody@example.com"),
        lambda: users.get_user(UNKNOWN_ID),
        lambda: users.update_password(UNKNOWN_ID, password=NEW_PASSWORD),
        lambda: users.set_email_verified(UNKNOWN_ID, True),
        lambda: users.update_profile(UNKNOWN_ID, name="Nobody"),
        lambda: users.delete_user(UNKNOWN_ID),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()


def test_mark_an_email_as_verified_and_unverified(alice: User) -> None:
    assert users.set_email_verified(alice.pk, True).email_verified
    alice.refresh_from_db()
    assert alice.email_verified
    assert not users.set_email_verified(alice.pk, False).email_verified


def test_update_profile_keeps_what_is_not_given(alice: User) -> None:
    users.update_profile(alice.pk, profile={"city": "Turku"})
    users.update_profile(alice.pk, name=" Alice A. ")
    alice.refresh_from_db()
    assert (alice.name, alice.profile) == ("Alice A.", {"city": "Turku"})
    users.update_profile(alice.pk, profile={})
    alice.refresh_from_db()
    assert (alice.name, alice.profile) == ("Alice A.", {})


def test_deleting_a_user_deletes_the_sessions_and_tokens(alice: User, bob: User, listen: Listen) -> None:
    session, _ = sessions.create_session(alice.pk, 60)
    single_use_tokens.create_email_verification_token(alice.pk, 60)
    single_use_tokens.create_password_reset_token(alice.pk, 60)
    bobs, _ = sessions.create_session(bob.pk, 60)
    with listen(STAFF_GROUP) as events:
        users.delete_user(alice.pk)
    assert list(User.objects.all()) == [bob]
    assert list(Session.objects.all()) == [bobs]
    assert not EmailVerificationToken.objects.exists()
    assert not PasswordResetToken.objects.exists()
    assert [(event["type"], event["data"]["id"]) for event in events] == [("session.ended", str(session.pk))]


def test_the_last_owner_cannot_be_deleted_and_keeps_their_sessions(charlie: User) -> None:
    _, token = sessions.create_session(charlie.pk, 60)
    with pytest.raises(users.LastOwner, match="only owner"):
        users.delete_user(charlie.pk)
    assert sessions.get_session(token) is not None


def test_an_owner_can_be_deleted_if_another_active_owner_exists(alice: User, charlie: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True, is_active=False)
    with pytest.raises(users.LastOwner):
        users.delete_user(charlie.pk)
    User.objects.filter(pk=alice.pk).update(is_active=True)
    users.delete_user(charlie.pk)
    assert User.objects.get() == alice


def test_of_two_owners_deleted_concurrently_one_stays(
    transactional_db: None, alice: User, charlie: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    owners = [alice.pk, charlie.pk]
    results = at_once(2, lambda: users.delete_user(owners.pop()))
    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "NoneType"]
    assert User.objects.filter(is_superuser=True).count() == 1


# --- passwords ----------------------------------------------------------------------------------------


def test_verify_a_password(alice: User) -> None:
    assert users.verify_password(alice.pk, PASSWORD)
    assert not users.verify_password(alice.pk, PASSWORD + " ")
    assert not users.verify_password(alice.pk, "")


def test_the_password_of_a_disabled_user_is_never_right(alice: User) -> None:
    User.objects.update(is_active=False)
    assert not users.verify_password(alice.pk, PASSWORD)


def test_no_password_is_right_for_a_user_without_one(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    assert not users.verify_password(alice.pk, PASSWORD)
    assert users.password_hash(alice) == ""


def test_unknown_and_disabled_users_cost_a_whole_password_check(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords.run_dummy_check("warm up")
    checks = []
    verify = passwords.Argon2idHasher.verify
    monkeypatch.setattr(
        passwords.Argon2idHasher, "verify", lambda *args: bool(checks.append(args[1])) or verify(*args)
    )
    users.verify_password(alice.pk, "one")
    assert not users.verify_password(UNKNOWN_ID, "two")
    User.objects.update(is_active=False)
    users.verify_password(alice.pk, "three")
    assert checks == ["one", "two", "three"]


def test_the_dummy_password_is_not_right_for_an_unknown_user(db: None) -> None:
    assert not users.verify_password(UNKNOWN_ID, "no account has this password")


def test_a_new_password_replaces_the_old_one(alice: User) -> None:
    users.update_password(alice.pk, password=NEW_PASSWORD)
    assert users.verify_password(alice.pk, NEW_PASSWORD)
    assert not users.verify_password(alice.pk, PASSWORD)


def test_a_new_password_can_be_a_guests_hash(alice: User) -> None:
    users.update_password(alice.pk, password_hash=to_phc(make_password(NEW_PASSWORD)))
    assert users.verify_password(alice.pk, NEW_PASSWORD)


def test_a_new_password_ends_all_sessions_and_deletes_all_reset_tokens(
    alice: User, bob: User, listen: Listen
) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    _, bobs_token = sessions.create_session(bob.pk, 60)
    _, bobs_reset = single_use_tokens.create_password_reset_token(bob.pk, 60)
    with listen(user_group(alice.pk)) as events:
        users.update_password(alice.pk, password=NEW_PASSWORD)
    assert sessions.get_session(token) is None
    assert single_use_tokens.use_password_reset_token(reset) is None
    assert sessions.get_session(bobs_token) is not None
    assert single_use_tokens.use_password_reset_token(bobs_reset) is not None
    assert [event["type"] for event in events] == ["session.ended"]


def test_a_new_password_can_keep_one_session(alice: User) -> None:
    session, token = sessions.create_session(alice.pk, 60)
    _, other = sessions.create_session(alice.pk, 60)
    users.update_password(alice.pk, password=NEW_PASSWORD, keep_session_id=session.pk)
    assert sessions.get_session(token) == session
    assert sessions.get_session(other) is None


def test_a_new_password_cannot_keep_another_users_session(alice: User, bob: User) -> None:
    bobs, _ = sessions.create_session(bob.pk, 60)
    _, token = sessions.create_session(alice.pk, 60)
    users.update_password(alice.pk, password=NEW_PASSWORD, keep_session_id=bobs.pk)
    assert sessions.get_session(token) is None


@pytest.mark.parametrize(
    "passwords",
    [{"password": "short"}, {"password_hash": "x"}, {}, {"password": NEW_PASSWORD, "password_hash": "x"}],
)
def test_a_refused_password_changes_nothing(passwords: dict[str, str], alice: User) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    with pytest.raises(InvalidInput):
        users.update_password(alice.pk, **passwords)
    assert users.verify_password(alice.pk, PASSWORD)
    assert sessions.get_session(token) is not None


def test_a_reset_token_is_used_up_only_by_a_successful_change(alice: User, bob: User) -> None:
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    _, bobs_reset = single_use_tokens.create_password_reset_token(bob.pk, 60)
    for arguments in (
        {"password": "short", "reset_token": reset},
        {"password": NEW_PASSWORD, "reset_token": "x"},
    ):
        with pytest.raises(InvalidInput):
            users.update_password(alice.pk, **arguments)
    with pytest.raises(InvalidInput):
        users.update_password(alice.pk, password=NEW_PASSWORD, reset_token=bobs_reset)
    assert users.verify_password(alice.pk, PASSWORD)
    assert single_use_tokens.get_password_reset_token(bobs_reset) is not None
    users.update_password(alice.pk, password=NEW_PASSWORD, reset_token=reset)
    assert users.verify_password(alice.pk, NEW_PASSWORD)
    with pytest.raises(InvalidInput):
        users.update_password(alice.pk, password=PASSWORD, reset_token=reset)


def test_of_two_concurrent_changes_with_one_reset_token_one_succeeds(
    transactional_db: None, alice: User
) -> None:
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    results = at_once(2, lambda: users.update_password(alice.pk, password=NEW_PASSWORD, reset_token=reset))
    assert {type(result) for result in results} == {InvalidInput, type(None)}
