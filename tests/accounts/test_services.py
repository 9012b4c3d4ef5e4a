"""What can be done with accounts: each service works, refuses, and holds when many ask at once."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts import owner_setup, passwords, sessions, single_use_tokens, users
from accounts.models import EmailVerificationToken, OwnerSetupCode, PasswordResetToken, Session, User
from accounts.passwords import to_phc
from accounts.users import EmailTaken, UserDisabled
from core.events import STAFF_GROUP, user_group
from core.problems import InvalidInput, NotFound
from tests.conftest import PASSWORD, Listen, at_once

NOBODY = uuid.UUID(int=0)
NEW_PASSWORD = "seven herons by the lake"
CODE = "AB12-CD34-EF56-GH78"


def disable(user: User) -> None:
    """As a second process would: what is in the test's hands does not know it yet."""
    User.objects.filter(pk=user.pk).update(is_active=False)


# --- users --------------------------------------------------------------------------------------------


def test_a_user_is_made_with_a_password(db: None) -> None:
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


def test_a_user_is_made_with_a_guests_hash_and_a_profile(db: None) -> None:
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
        # Short as it came, 260 characters once composed.
        "a@" + ".".join(["㌀" * 15] * 4) + ".example.com.example",
    ],
)  # fmt: skip
def test_what_is_no_email_is_refused(email: str, db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email=email, name="Dora", password=PASSWORD)
    assert refused.value.errors[0]["pointer"] == "/email"
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@EXAMPLE.COM", " \uff41lice@example.com "])
def test_a_taken_email_is_refused_however_it_is_written(email: str, alice: User) -> None:
    with pytest.raises(EmailTaken):
        users.create_user(email=email, name="Not Alice", password=PASSWORD)
    assert User.objects.get().name == "Alice"


def test_of_two_who_take_an_email_at_once_one_gets_it(transactional_db: None) -> None:
    results = at_once(2, lambda: users.create_user(email="Dora@example.com", name="Dora", password=PASSWORD))
    assert sorted(type(result).__name__ for result in results) == ["EmailTaken", "User"]
    assert User.objects.count() == 1


def test_another_failure_of_the_database_is_not_told_as_a_taken_email(alice: User) -> None:
    with pytest.raises(IntegrityError):
        users.create_user(email="dora@example.com", name="Dora", password=PASSWORD, is_staff=None)


@pytest.mark.parametrize(
    "password", ["", "short", "12345678901", "password123", "dora@example.com", "x" * 129]
)
def test_a_weak_password_makes_no_account(password: str, db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email="dora@example.com", name="Dora", password=password)
    assert {error["pointer"] for error in refused.value.errors} == {"/password"}
    assert all(error["detail"] for error in refused.value.errors)
    assert not User.objects.exists()


def test_every_reason_against_a_password_is_told(db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email="dora@example.com", name="Dora", password="12345")
    assert len(refused.value.errors) == 3  # short, common, numeric


@pytest.mark.parametrize("both", [{}, {"password": PASSWORD, "password_hash": "$argon2id$"}])
def test_an_account_needs_either_a_password_or_a_hash(both: dict[str, str], db: None) -> None:
    with pytest.raises(InvalidInput):
        users.create_user(email="dora@example.com", name="Dora", **both)
    assert not User.objects.exists()


def test_a_bad_hash_makes_no_account(db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(email="dora@example.com", name="Dora", password_hash="$argon2id$v=19$m=8,t=1,p=1$")
    assert refused.value.errors[0]["pointer"] == "/password_hash"
    assert not User.objects.exists()


def test_a_user_is_found_by_email_in_any_case_and_by_id(alice: User, bob: User) -> None:
    assert users.get_user_by_email(" ALICE@example.com") == alice
    assert users.get_user(bob.pk) == bob


def test_an_unknown_user_is_not_found(alice: User) -> None:
    with pytest.raises(NotFound):
        users.get_user_by_email("nobody@example.com")
    calls: list[Callable[[], Any]] = [
        lambda: users.get_user(NOBODY),
        lambda: users.update_password(NOBODY, password=NEW_PASSWORD),
        lambda: users.set_email_verified(NOBODY, True),
        lambda: users.update_profile(NOBODY, name="Nobody"),
        lambda: users.delete_user(NOBODY),
        lambda: sessions.create_session(NOBODY, 60),
        lambda: sessions.delete_session(NOBODY),
        lambda: sessions.delete_user_sessions(NOBODY),
        lambda: single_use_tokens.create_email_verification_token(NOBODY, 60),
        lambda: single_use_tokens.create_password_reset_token(NOBODY, 60),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()


def test_an_email_is_marked_as_verified_and_back(alice: User) -> None:
    assert users.set_email_verified(alice.pk, True).email_verified
    alice.refresh_from_db()
    assert alice.email_verified
    assert not users.set_email_verified(alice.pk, False).email_verified


def test_a_profile_is_replaced_and_what_is_not_given_stays(alice: User) -> None:
    users.update_profile(alice.pk, profile={"city": "Turku"})
    users.update_profile(alice.pk, name=" Alice A. ")
    alice.refresh_from_db()
    assert (alice.name, alice.profile) == ("Alice A.", {"city": "Turku"})
    users.update_profile(alice.pk, profile={})
    alice.refresh_from_db()
    assert (alice.name, alice.profile) == ("Alice A.", {})


def test_deleting_a_user_takes_the_sessions_and_tokens_along(alice: User, bob: User, listen: Listen) -> None:
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


def test_the_last_owner_cannot_be_deleted_and_loses_nothing(charlie: User) -> None:
    _, token = sessions.create_session(charlie.pk, 60)
    with pytest.raises(users.LastOwner, match="only owner"):
        users.delete_user(charlie.pk)
    assert sessions.get_session(token) is not None


def test_an_owner_can_be_deleted_while_another_can_log_in(alice: User, charlie: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True, is_active=False)
    with pytest.raises(users.LastOwner):
        users.delete_user(charlie.pk)
    User.objects.filter(pk=alice.pk).update(is_active=True)
    users.delete_user(charlie.pk)
    assert User.objects.get() == alice


def test_of_two_owners_deleted_at_once_one_stays(transactional_db: None, alice: User, charlie: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    owners = [alice.pk, charlie.pk]
    results = at_once(2, lambda: users.delete_user(owners.pop()))
    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "NoneType"]
    assert User.objects.filter(is_superuser=True).count() == 1


# --- passwords ----------------------------------------------------------------------------------------


def test_a_password_is_verified(alice: User) -> None:
    assert users.verify_password(alice.pk, PASSWORD)
    assert not users.verify_password(alice.pk, PASSWORD + " ")
    assert not users.verify_password(alice.pk, "")


def test_a_disabled_users_password_is_never_right(alice: User) -> None:
    disable(alice)
    assert not users.verify_password(alice.pk, PASSWORD)


def test_a_user_without_a_usable_password_has_none_that_is_right(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    assert not users.verify_password(alice.pk, PASSWORD)
    assert users.password_hash(alice) == ""


def test_an_unknown_and_a_disabled_user_cost_a_whole_password_check(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords.spend_a_check("warm up")
    checks = []
    verify = passwords.Argon2idHasher.verify
    monkeypatch.setattr(
        passwords.Argon2idHasher, "verify", lambda *args: bool(checks.append(args[1])) or verify(*args)
    )
    users.verify_password(alice.pk, "one")
    assert not users.verify_password(NOBODY, "two")
    disable(alice)
    users.verify_password(alice.pk, "three")
    assert checks == ["one", "two", "three"]


def test_no_password_opens_the_unknown_account(db: None) -> None:
    assert not users.verify_password(NOBODY, "no account has this password")


def test_a_new_password_replaces_the_old_one(alice: User) -> None:
    users.update_password(alice.pk, password=NEW_PASSWORD)
    assert users.verify_password(alice.pk, NEW_PASSWORD)
    assert not users.verify_password(alice.pk, PASSWORD)


def test_a_new_password_comes_as_a_guests_hash_too(alice: User) -> None:
    users.update_password(alice.pk, password_hash=to_phc(make_password(NEW_PASSWORD)))
    assert users.verify_password(alice.pk, NEW_PASSWORD)


def test_a_new_password_ends_every_session_and_voids_every_reset(
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


def test_a_new_password_keeps_the_session_that_changed_it(alice: User) -> None:
    kept, token = sessions.create_session(alice.pk, 60)
    _, other = sessions.create_session(alice.pk, 60)
    users.update_password(alice.pk, password=NEW_PASSWORD, keep_session_id=kept.pk)
    assert sessions.get_session(token) == kept
    assert sessions.get_session(other) is None


def test_somebody_elses_session_cannot_be_kept(alice: User, bob: User) -> None:
    bobs, _ = sessions.create_session(bob.pk, 60)
    _, token = sessions.create_session(alice.pk, 60)
    users.update_password(alice.pk, password=NEW_PASSWORD, keep_session_id=bobs.pk)
    assert sessions.get_session(token) is None


@pytest.mark.parametrize(
    "given",
    [{"password": "short"}, {"password_hash": "x"}, {}, {"password": NEW_PASSWORD, "password_hash": "x"}],
)
def test_a_refused_password_changes_nothing(given: dict[str, str], alice: User) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    with pytest.raises(InvalidInput):
        users.update_password(alice.pk, **given)
    assert users.verify_password(alice.pk, PASSWORD)
    assert sessions.get_session(token) is not None


def test_a_reset_token_is_spent_with_the_change_and_by_nothing_else(alice: User, bob: User) -> None:
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    _, bobs_reset = single_use_tokens.create_password_reset_token(bob.pk, 60)
    for given in (
        {"password": "short", "reset_token": reset},
        {"password": NEW_PASSWORD, "reset_token": "x"},
    ):
        with pytest.raises(InvalidInput):
            users.update_password(alice.pk, **given)
    with pytest.raises(InvalidInput):
        users.update_password(alice.pk, password=NEW_PASSWORD, reset_token=bobs_reset)
    assert users.verify_password(alice.pk, PASSWORD)
    assert (
        single_use_tokens.get_password_reset_token(bobs_reset) is not None
    )  # what did not happen spent nothing
    users.update_password(alice.pk, password=NEW_PASSWORD, reset_token=reset)
    assert users.verify_password(alice.pk, NEW_PASSWORD)
    with pytest.raises(InvalidInput):
        users.update_password(alice.pk, password=PASSWORD, reset_token=reset)


def test_of_two_who_change_a_password_with_one_token_at_once_one_wins(
    transactional_db: None, alice: User
) -> None:
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    results = at_once(2, lambda: users.update_password(alice.pk, password=NEW_PASSWORD, reset_token=reset))
    assert {type(result) for result in results} == {InvalidInput, type(None)}


# --- sessions -----------------------------------------------------------------------------------------


def test_a_session_opens_with_its_token_and_nothing_else(alice: User) -> None:
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


def test_a_session_is_told_to_its_user_and_notes_the_log_in(alice: User, listen: Listen) -> None:
    with listen(user_group(alice.pk)) as events:
        session, token = sessions.create_session(alice.pk, 60)
    alice.refresh_from_db()
    assert alice.last_login == session.created_at
    assert [event["type"] for event in events] == ["session.created"]
    assert events[0]["data"] == session.event_data()
    assert token not in str(events)


def test_others_hear_nothing_of_a_session(alice: User, bob: User, listen: Listen) -> None:
    with listen(user_group(bob.pk)) as events:
        session, _ = sessions.create_session(alice.pk, 60)
        sessions.delete_session(session.pk)
    assert events == []


def test_an_expired_session_is_none(alice: User) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    Session.objects.update(expires_at=timezone.now())
    assert sessions.get_session(token) is None


def test_a_disabled_user_has_no_session_and_gets_none(alice: User) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    disable(alice)
    assert sessions.get_session(token) is None
    with pytest.raises(UserDisabled):
        sessions.create_session(alice.pk, 60)


def test_a_token_of_another_kind_opens_no_session(alice: User) -> None:
    _, verification = single_use_tokens.create_email_verification_token(alice.pk, 60)
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    assert sessions.get_session(verification) is None
    assert sessions.get_session(reset) is None
    assert single_use_tokens.use_password_reset_token(verification) is None
    assert single_use_tokens.use_email_verification_token(reset) is None


def test_a_session_ends_once(alice: User, listen: Listen) -> None:
    session, token = sessions.create_session(alice.pk, 60)
    _, other = sessions.create_session(alice.pk, 60)
    with listen(user_group(alice.pk)) as events:
        sessions.delete_session(session.pk)
    assert sessions.get_session(token) is None
    assert sessions.get_session(other) is not None
    assert [(event["type"], event["data"]["id"]) for event in events] == [("session.ended", str(session.pk))]
    with pytest.raises(NotFound):
        sessions.delete_session(session.pk)


def test_all_sessions_of_one_user_end_and_are_counted(alice: User, bob: User) -> None:
    for _ in range(3):
        sessions.create_session(alice.pk, 60)
    bobs, _ = sessions.create_session(bob.pk, 60)
    assert sessions.delete_user_sessions(alice.pk) == 3
    assert sessions.delete_user_sessions(alice.pk) == 0
    assert list(Session.objects.all()) == [bobs]


def test_cleaning_up_removes_expired_sessions_and_only_those(alice: User) -> None:
    live, _ = sessions.create_session(alice.pk, 60)
    for seconds in (0, -1, -3600):
        sessions.create_session(alice.pk, seconds)
    assert sessions.cleanup_expired_sessions() == 3
    assert sessions.cleanup_expired_sessions() == 0
    assert list(Session.objects.all()) == [live]


# --- single-use tokens --------------------------------------------------------------------------------

KINDS = {
    "verification": (
        single_use_tokens.create_email_verification_token,
        single_use_tokens.get_email_verification_token,
        single_use_tokens.use_email_verification_token,
        EmailVerificationToken,
    ),
    "reset": (
        single_use_tokens.create_password_reset_token,
        single_use_tokens.get_password_reset_token,
        single_use_tokens.use_password_reset_token,
        PasswordResetToken,
    ),
}
each_kind = pytest.mark.parametrize(("create", "get", "use", "model"), KINDS.values(), ids=KINDS.keys())


@each_kind
def test_a_token_can_be_looked_at_often_and_used_once(
    create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    row, token = create(alice.pk, 60)
    assert get(token) == row
    assert get(token).used_at is None
    used = use(token)
    assert used == row
    assert used.user == alice
    assert used.used_at is not None
    assert use(token) is None
    assert get(token) is None


@each_kind
def test_of_twenty_who_use_a_token_at_once_exactly_one_succeeds(
    create: Any, get: Any, use: Any, model: Any, transactional_db: None, alice: User
) -> None:
    row, token = create(alice.pk, 60)
    results = at_once(20, lambda: use(token))
    assert [result for result in results if result is not None] == [row]


@each_kind
def test_who_waited_for_another_who_used_the_token_gets_nothing(
    create: Any, get: Any, use: Any, model: Any, transactional_db: None, alice: User
) -> None:
    """The collision itself, not left to chance: the second is in the midst of it when the first commits."""
    _row, token = create(alice.pk, 60)

    def second() -> Any:
        try:
            return use(token)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            assert use(token) is not None
            waiting = thread.submit(second)
            time.sleep(0.3)
        assert waiting.result() is None


@each_kind
@pytest.mark.parametrize("token", ["", "hbv_", "\x00", "\ud800", "x" * 100_000])
def test_an_unknown_token_is_none(
    token: str, create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    create(alice.pk, 60)
    assert get(token) is None
    assert use(token) is None


@each_kind
def test_an_expired_token_is_none(create: Any, get: Any, use: Any, model: Any, alice: User) -> None:
    row, token = create(alice.pk, 60)
    model.objects.update(expires_at=timezone.now())
    assert get(token) is None
    assert use(token) is None
    row.refresh_from_db()
    assert row.used_at is None


@each_kind
def test_a_disabled_users_token_is_none_and_none_is_made(
    create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    _, token = create(alice.pk, 60)
    disable(alice)
    assert get(token) is None
    assert use(token) is None
    with pytest.raises(UserDisabled):
        create(alice.pk, 60)


@each_kind
def test_the_hash_of_a_token_is_not_the_token(
    create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    row, _ = create(alice.pk, 60)
    assert use(row.token_hash) is None
    assert use(str(row.pk)) is None


def test_cleaning_up_removes_expired_tokens_of_both_kinds_and_only_those(alice: User) -> None:
    live = [create(alice.pk, 60)[0] for create, *_ in KINDS.values()]
    for create, *_ in KINDS.values():
        create(alice.pk, 0)
        create(alice.pk, -60)
    assert single_use_tokens.cleanup_expired_tokens() == 4
    assert single_use_tokens.cleanup_expired_tokens() == 0
    assert [EmailVerificationToken.objects.get(), PasswordResetToken.objects.get()] == live


# --- the owner ----------------------------------------------------------------------------------------


def make_owner(code: str = CODE, password: str = PASSWORD, email: str = "owner@example.com") -> User:
    return owner_setup.create_owner(code=code, email=email, name="Owner", password=password)


def test_the_code_makes_the_owner_with_every_right_once(db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    assert not owner_setup.owner_exists()
    owner = make_owner()
    assert (owner.is_staff, owner.is_superuser, owner.email_verified) == (True, True, True)
    assert users.verify_password(owner.pk, PASSWORD)
    assert owner_setup.owner_exists()
    with pytest.raises(owner_setup.SetupDone):
        make_owner(email="second@example.com")
    assert User.objects.get() == owner


@pytest.mark.parametrize("code", [CODE.lower(), f"  {CODE}\n"])
def test_the_code_may_be_typed_carelessly(code: str, db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    assert make_owner(code=code).is_superuser


@pytest.mark.parametrize("code", ["", "AB12", "AB12-CD34-EF56-GH79", "%", "\x00", "\ud800"])
def test_a_wrong_code_makes_nobody(code: str, db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    with pytest.raises(owner_setup.SetupCodeWrong):
        make_owner(code=code)
    assert not User.objects.exists()
    assert make_owner().is_superuser


def test_without_a_code_nobody_can_be_the_owner(db: None) -> None:
    with pytest.raises(owner_setup.SetupCodeWrong):
        make_owner()


def test_a_new_code_replaces_the_earlier_one(db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    owner_setup.replace_setup_code("ZZZZ-ZZZZ-ZZZZ-ZZZZ")
    with pytest.raises(owner_setup.SetupCodeWrong):
        make_owner()
    assert make_owner(code="ZZZZ-ZZZZ-ZZZZ-ZZZZ").is_superuser


def test_a_spent_code_stays_spent_when_the_owner_is_gone(db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    make_owner().delete()
    with pytest.raises(owner_setup.SetupCodeWrong):
        make_owner()


@pytest.mark.parametrize("wrong", [{"password": "short"}, {"email": "no e-mail"}])
def test_a_refused_owner_leaves_the_code_good(wrong: dict[str, str], db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    with pytest.raises(InvalidInput):
        make_owner(**wrong)
    assert OwnerSetupCode.objects.get().used_at is None
    assert make_owner().is_superuser


def test_a_taken_email_leaves_the_code_good(alice: User) -> None:
    owner_setup.replace_setup_code(CODE)
    with pytest.raises(EmailTaken):
        make_owner(email="Alice@example.com")
    assert make_owner().is_superuser


def test_of_two_who_use_the_code_at_once_one_is_the_owner(transactional_db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    emails = ["one@example.com", "two@example.com"]
    results = at_once(2, lambda: make_owner(email=emails.pop()))
    names = {type(result).__name__ for result in results}
    assert "User" in names
    assert names & {"SetupDone", "SetupCodeWrong"}
    assert User.objects.count() == 1


def test_the_clock_of_a_secret_is_the_servers(alice: User) -> None:
    before = timezone.now()
    session, _ = sessions.create_session(alice.pk, 3600)
    assert before + timedelta(seconds=3600) <= session.expires_at <= timezone.now() + timedelta(seconds=3600)
