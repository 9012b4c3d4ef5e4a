"""Accounts in the Django admin: all pages work, show no secrets and follow the same rules as the API."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import api_tokens, sessions, single_use_tokens, users
from accounts.models import APIToken, EmailVerificationToken, PasswordResetToken, Session, User
from core.events import STAFF_GROUP
from tests.conftest import PASSWORD, Listen

MODELS = [User, Session, EmailVerificationToken, PasswordResetToken, APIToken]
NEW_PASSWORD = "seven herons by the lake"
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture
def staff(charlie: User) -> Client:
    """Charlie's browser."""
    browser = Client()
    browser.force_login(charlie)
    return browser


@pytest.fixture
def secrets(alice: User) -> set[str]:
    """Creates one secret of each kind for Alice. Returns the texts about them that no page may contain."""
    issued = [
        sessions.create_session(alice.pk, 3600, user_agent="Browser/1", ip_address="192.0.2.7"),
        single_use_tokens.create_email_verification_token(alice.pk, 3600),
        single_use_tokens.create_password_reset_token(alice.pk, 3600),
        api_tokens.create_api_token(alice, name="CI", scopes=["api"], expires_in_days=1),
    ]
    salt, digest = alice.password.split("$")[-2:]
    found = {alice.password, salt, digest, salt[:6], digest[:6]}
    for row, token in issued:
        found |= {token, row.token_hash, row.token_hash[:12]}
    return found


def url(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:accounts_{model._meta.model_name}_{page}", args=args)


def user_form(user: User, **changes: Any) -> dict[str, Any]:
    """What a browser submits on the change page. Browsers do not submit unticked boxes."""
    form: dict[str, Any] = {"email": user.email, "name": user.name, "profile": "{}"}
    form |= {flag: "on" for flag in ("is_active", "is_staff", "is_superuser") if getattr(user, flag)}
    return {name: value for name, value in (form | changes).items() if value is not None}


# --- pages --------------------------------------------------------------------------------------------


@each_model
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"q": "alice"},
        {"q": "no such thing"},
        {"q": "00000000-0000-0000-0000-000000000000"},
        {"q": "%' OR 1=1 --"},
        {"created_at__gte": "2020-01-01 00:00:00+00:00"},
        {"o": "1"},
        {"o": "-2"},
    ],
)
def test_lists_can_be_searched_filtered_and_sorted(
    model: Any, query: dict[str, str], staff: Client, secrets: set[str]
) -> None:
    assert staff.get(url(model, "changelist"), query).status_code == 200


@pytest.mark.parametrize("flag", ["is_active", "is_staff", "is_superuser", "email_verified"])
@pytest.mark.parametrize("value", ["0", "1"])
def test_users_can_be_filtered_by_flags(flag: str, value: str, staff: Client, alice: User) -> None:
    page = staff.get(url(User, "changelist"), {f"{flag}__exact": value})
    assert page.status_code == 200
    assert set(page.context["cl"].queryset) == set(User.objects.filter(**{flag: value == "1"}))


@pytest.mark.parametrize("model", MODELS[1:], ids=lambda model: model.__name__)
def test_secrets_can_be_filtered_by_state(model: Any, staff: Client, alice: User) -> None:
    live, _ = model.issue(alice, 60)
    dead, _ = model.issue(alice, -60)
    found = {
        state: set(staff.get(url(model, "changelist"), {"state": state}).context["cl"].queryset)
        for state in ("live", "expired", "")
    }
    assert found == {"live": {live}, "expired": {dead}, "": {live, dead}}


@pytest.mark.parametrize("model", [EmailVerificationToken, PasswordResetToken])
def test_tokens_can_be_filtered_by_use(model: Any, staff: Client, alice: User) -> None:
    unused, _ = model.issue(alice, 60)
    used = model.use(model.issue(alice, 60)[1])
    page = staff.get(url(model, "changelist"), {"used_at__isempty": "1"})
    assert list(page.context["cl"].queryset) == [unused]
    page = staff.get(url(model, "changelist"), {"used_at__isempty": "0"})
    assert list(page.context["cl"].queryset) == [used]


@each_model
def test_search_finds_rows_by_email_name_and_id(
    model: Any, staff: Client, secrets: set[str], bob: User
) -> None:
    row = model.objects.get(email="alice@example.com") if model is User else model.objects.get()
    for words in ("ALICE@example", "alice", str(row.pk), str(row.pk)[:8]):
        page = staff.get(url(model, "changelist"), {"q": words})
        assert row in page.context["cl"].queryset, words
    assert row not in staff.get(url(model, "changelist"), {"q": "bob"}).context["cl"].queryset


@each_model
def test_no_page_shows_a_secret_its_hash_or_a_part_of_it(
    model: Any, staff: Client, secrets: set[str], alice: User
) -> None:
    row = alice if model is User else model.objects.get()
    pages = [
        url(model, "changelist"),
        url(model, "change", row.pk),
        url(model, "delete", row.pk),
        url(model, "history", row.pk),
    ]
    pages += [reverse("admin:auth_user_password_change", args=[row.pk])] if model is User else []
    for page in pages:
        response = staff.get(page)
        assert response.status_code == 200, page
        html = response.content.decode()
        assert [secret for secret in secrets if secret in html] == [], page
        assert "token_hash" not in html


def test_a_users_page_shows_how_the_password_is_hashed(staff: Client, alice: User) -> None:
    html = staff.get(url(User, "change", alice.pk)).content.decode()
    assert "argon2id" in html
    assert "19456" in html


def test_search_does_not_look_into_hashes(staff: Client, secrets: set[str]) -> None:
    page = staff.get(url(Session, "changelist"), {"q": Session.objects.get().token_hash})
    assert not page.context["cl"].queryset.exists()


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (User, "password__startswith"),
        (Session, "token_hash__startswith"),
        (Session, "user__password__startswith"),
        (PasswordResetToken, "token_hash"),
    ],
)
def test_filters_cannot_reveal_a_hash_piece_by_piece(
    model: Any, lookup: str, staff: Client, secrets: set[str]
) -> None:
    assert staff.get(url(model, "changelist"), {lookup: "a"}).status_code == 400


@pytest.mark.parametrize("model", MODELS[1:], ids=lambda model: model.__name__)
def test_secrets_cannot_be_added_or_changed(model: Any, staff: Client, secrets: set[str]) -> None:
    row = model.objects.get()
    assert staff.get(url(model, "add")).status_code == 403
    changed = staff.post(
        url(model, "change", row.pk), {"expires_at_0": "2099-01-01", "expires_at_1": "00:00"}
    )
    assert changed.status_code == 403
    expires_at = row.expires_at
    row.refresh_from_db()
    assert row.expires_at == expires_at


# --- permissions --------------------------------------------------------------------------------------


@each_model
def test_a_visitor_is_redirected_to_the_log_in_page(model: Any, secrets: set[str]) -> None:
    row = model.objects.get()
    for page in (
        url(model, "changelist"),
        url(model, "change", row.pk),
        url(model, "delete", row.pk),
    ):
        response = Client().get(page)
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/?next=")


@each_model
def test_a_user_who_is_not_staff_is_refused(model: Any, secrets: set[str], alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    row = model.objects.get()
    for page in (url(model, "changelist"), url(model, "change", row.pk)):
        response = browser.get(page)
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/?next=")
    assert "not authorized" in browser.get("/admin/login/", follow=True).content.decode()


@each_model
def test_staff_without_the_permission_are_refused(model: Any, secrets: set[str], bob: User) -> None:
    bob.is_staff = True
    bob.save()
    browser = Client()
    browser.force_login(bob)
    assert browser.get("/admin/").status_code == 200
    assert browser.get(url(model, "changelist")).status_code == 403


@pytest.mark.parametrize("password", ["wrong", PASSWORD])
def test_a_disabled_administrator_cannot_log_in(password: str, charlie: User) -> None:
    User.objects.update(is_active=False)
    browser = Client()
    browser.post("/admin/login/", {"username": charlie.email, "password": password})
    assert browser.get("/admin/").status_code == 302


# --- users --------------------------------------------------------------------------------------------


def new_user(**changes: str) -> dict[str, str]:
    both = {"password1": PASSWORD, "password2": PASSWORD}
    return {"email": " Dora@Example.COM ", "name": "Dora", "usable_password": "true"} | both | changes


def test_an_added_user_has_a_normalised_email_and_can_log_in(staff: Client) -> None:
    response = staff.post(url(User, "add"), new_user())
    dora = User.objects.get(email="dora@example.com")
    assert response.status_code == 302
    assert (dora.name, dora.is_staff, dora.is_active) == ("Dora", False, True)
    assert dora.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert users.verify_password(dora.pk, PASSWORD)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "ALICE@example.com"}, "email"),
        ({"email": "no e-mail"}, "email"),
        ({"email": ""}, "email"),
        ({"name": ""}, "name"),
        ({"password1": "short", "password2": "short"}, "password2"),
        ({"password2": "something else"}, "password2"),
    ],
)
def test_invalid_input_adds_no_user(changes: dict[str, str], field: str, staff: Client, alice: User) -> None:
    before = User.objects.count()
    response = staff.post(url(User, "add"), new_user(**changes))
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert User.objects.count() == before


def test_change_a_user(staff: Client, alice: User) -> None:
    session, _ = sessions.create_session(alice.pk, 60)
    form = user_form(alice, email="Alice2@Example.com", profile='{"city": "Turku"}', email_verified="on")
    assert staff.post(url(User, "change", alice.pk), form).status_code == 302
    alice.refresh_from_db()
    assert (alice.email, alice.profile, alice.email_verified) == (
        "alice2@example.com",
        {"city": "Turku"},
        True,
    )
    assert users.verify_password(alice.pk, PASSWORD)
    assert Session.objects.get() == session


def test_changing_the_email_deletes_the_tokens_sent_to_the_old_one(
    staff: Client, alice: User, bob: User
) -> None:
    for user in (alice, bob):
        single_use_tokens.create_password_reset_token(user.pk, 3600)
        single_use_tokens.create_email_verification_token(user.pk, 3600)
    staff.post(url(User, "change", alice.pk), user_form(alice, name="Alice B."))
    assert (PasswordResetToken.objects.count(), EmailVerificationToken.objects.count()) == (2, 2)
    staff.post(url(User, "change", alice.pk), user_form(alice, email="alice2@example.com"))
    assert PasswordResetToken.objects.get().user == EmailVerificationToken.objects.get().user == bob


def test_disabling_a_user_ends_their_sessions(staff: Client, alice: User, bob: User, listen: Listen) -> None:
    session, token = sessions.create_session(alice.pk, 3600)
    bobs, _ = sessions.create_session(bob.pk, 3600)
    with listen(STAFF_GROUP) as events:
        staff.post(url(User, "change", alice.pk), user_form(alice, is_active=None))
    assert [(event["type"], event["data"]["id"]) for event in events] == [("session.ended", str(session.pk))]
    staff.post(url(User, "change", alice.pk), user_form(alice, is_active="on"))
    alice.refresh_from_db()
    assert alice.is_active
    assert sessions.get_session(token) is None
    assert list(Session.objects.all()) == [bobs]


def test_setting_a_password_ends_the_sessions_and_deletes_the_reset_tokens(
    staff: Client, alice: User, bob: User, listen: Listen
) -> None:
    sessions.create_session(alice.pk, 3600)
    single_use_tokens.create_password_reset_token(alice.pk, 3600)
    bobs, _ = sessions.create_session(bob.pk, 3600)
    page = reverse("admin:auth_user_password_change", args=[alice.pk])
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    with listen(STAFF_GROUP) as events:
        assert staff.post(page, form | {"set-password": "1"}).status_code == 302
    assert users.verify_password(alice.pk, NEW_PASSWORD)
    assert [event["type"] for event in events] == ["session.ended"]
    assert list(Session.objects.all()) == [bobs]
    assert not PasswordResetToken.objects.exists()


def test_removing_the_password_ends_the_sessions(staff: Client, alice: User) -> None:
    sessions.create_session(alice.pk, 3600)
    page = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert staff.post(page, {"usable_password": "false", "unset-password": "1"}).status_code == 302
    alice.refresh_from_db()
    assert not alice.has_usable_password()
    assert not Session.objects.exists()


def test_a_weak_password_changes_nothing(staff: Client, alice: User) -> None:
    sessions.create_session(alice.pk, 3600)
    page = reverse("admin:auth_user_password_change", args=[alice.pk])
    form = {"password1": "short", "password2": "short", "usable_password": "true", "set-password": "1"}
    assert staff.post(page, form).status_code == 200
    assert users.verify_password(alice.pk, PASSWORD)
    assert Session.objects.exists()


# --- deleting -----------------------------------------------------------------------------------------


def delete_selected(staff: Client, model: Any, *rows: Any) -> Any:
    form = {"action": "delete_selected", "_selected_action": [str(row.pk) for row in rows], "post": "yes"}
    return staff.post(url(model, "changelist"), form)


def test_deleting_a_session_publishes_an_event(staff: Client, alice: User, listen: Listen) -> None:
    session, token = sessions.create_session(alice.pk, 3600)
    with listen(STAFF_GROUP) as events:
        staff.post(url(Session, "delete", session.pk), {"post": "yes"})
    assert sessions.get_session(token) is None
    assert [(event["type"], event["data"]["id"]) for event in events] == [("session.ended", str(session.pk))]


def test_deleting_several_sessions_publishes_an_event_for_each(
    staff: Client, alice: User, bob: User, listen: Listen
) -> None:
    chosen = [sessions.create_session(user.pk, 3600)[0] for user in (alice, bob)]
    other, _ = sessions.create_session(bob.pk, 3600)
    with listen(STAFF_GROUP) as events:
        assert delete_selected(staff, Session, *chosen).status_code == 302
    assert {event["data"]["id"] for event in events} == {str(session.pk) for session in chosen}
    assert list(Session.objects.all()) == [other]


def test_deleting_a_user_publishes_an_event_for_each_session(
    staff: Client, alice: User, listen: Listen
) -> None:
    opened = [sessions.create_session(alice.pk, 3600)[0] for _ in range(2)]
    with listen(STAFF_GROUP) as events:
        staff.post(url(User, "delete", alice.pk), {"post": "yes"})
    assert not User.objects.filter(pk=alice.pk).exists()
    assert {event["data"]["id"] for event in events} == {str(session.pk) for session in opened}
    assert {event["type"] for event in events} == {"session.ended"}


def test_deleting_several_users_publishes_an_event_for_each_session(
    staff: Client, alice: User, bob: User, charlie: User, listen: Listen
) -> None:
    for user in (alice, bob):
        sessions.create_session(user.pk, 3600)
    with listen(STAFF_GROUP) as events:
        delete_selected(staff, User, alice, bob)
    assert list(User.objects.all()) == [charlie]
    assert [event["type"] for event in events] == ["session.ended"] * 2


def test_the_last_owner_cannot_be_deleted(staff: Client, charlie: User, alice: User) -> None:
    page = url(User, "delete", charlie.pk)
    assert "make another user a superuser" in staff.get(page).content.decode()
    staff.post(page, {"post": "yes"})
    delete_selected(staff, User, charlie, alice)
    assert set(User.objects.all()) == {alice, charlie}


@pytest.mark.parametrize("flag", ["is_active", "is_superuser"])
def test_the_last_owner_cannot_be_demoted(flag: str, staff: Client, charlie: User, alice: User) -> None:
    form = user_form(charlie)
    form.pop(flag)
    page = staff.post(url(User, "change", charlie.pk), form)
    assert page.status_code == 200
    assert "make another user a superuser" in page.content.decode()
    charlie.refresh_from_db()
    assert getattr(charlie, flag)
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    assert staff.post(url(User, "change", charlie.pk), form).status_code == 302


def test_not_all_owners_can_be_deleted_together(staff: Client, charlie: User, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    delete_selected(staff, User, charlie, alice)
    assert set(User.objects.all()) == {alice, charlie}
    staff.post(url(User, "delete", alice.pk), {"post": "yes"})
    assert list(User.objects.all()) == [charlie]


@pytest.mark.parametrize("model", [EmailVerificationToken, PasswordResetToken])
def test_tokens_can_be_deleted(model: Any, staff: Client, secrets: set[str]) -> None:
    staff.post(url(model, "delete", model.objects.get().pk), {"post": "yes"})
    assert not model.objects.exists()


def test_changing_ones_own_password_ends_the_sessions_and_deletes_the_reset_tokens(
    staff: Client, charlie: User
) -> None:
    _session, token = sessions.create_session(charlie.pk, 3600)
    single_use_tokens.create_password_reset_token(charlie.pk, 3600)
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert staff.post(reverse("admin:password_change"), form).status_code == 302
    assert users.verify_password(charlie.pk, NEW_PASSWORD)
    assert sessions.get_session(token) is None
    assert not PasswordResetToken.objects.exists()
    assert staff.get(reverse("admin:index")).status_code == 200


def test_changing_ones_own_password_reports_the_api_tokens_that_end(staff: Client, charlie: User) -> None:
    api_tokens.create_api_token(charlie, name="CI", scopes=["api"], expires_in_days=1)
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    page = staff.post(reverse("admin:password_change"), form, follow=True)
    assert "Your API tokens ended with your old password: 1." in page.content.decode()
    assert not APIToken.objects.exists()


def test_administrators_see_and_revoke_api_tokens(staff: Client, alice: User, listen: Listen) -> None:
    issued = [
        api_tokens.create_api_token(alice, name=name, scopes=["api"], expires_in_days=1)
        for name in ("CI", "backup", "laptop")
    ]
    html = staff.get(url(APIToken, "changelist")).content.decode()
    assert all(row.name in html for row, _ in issued)
    with listen(STAFF_GROUP) as events:
        staff.post(url(APIToken, "delete", issued[0][0].pk), {"post": "yes"})
        form = {"action": "delete_selected", "_selected_action": [str(issued[1][0].pk)], "post": "yes"}
        staff.post(url(APIToken, "changelist"), form)
    assert [event["type"] for event in events] == ["token.ended", "token.ended"]
    assert [api_tokens.get_api_token(token) is None for _, token in issued] == [True, True, False]


def test_wrong_guesses_at_ones_own_password_are_limited(staff: Client, charlie: User, settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT = 2
    form = {"old_password": "wrong", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    for _ in range(2):
        assert b"entered incorrectly" in staff.post(reverse("admin:password_change"), form).content
    page = staff.post(reverse("admin:password_change"), form | {"old_password": PASSWORD})
    assert b"Too many attempts" in page.content
    assert users.verify_password(charlie.pk, PASSWORD)
