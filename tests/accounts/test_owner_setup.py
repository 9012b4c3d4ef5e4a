"""accounts.owner_setup and /api/v1/setup: the owner's account, created with the code from the console."""

from typing import Any

import pytest
from django.test import Client

from accounts import owner_setup, users
from accounts.models import OwnerSetupCode, Session, User
from accounts.users import EmailTaken
from core.problems import InvalidInput
from tests.conftest import API, PASSWORD, assert_problem, at_once

SETUP = "/api/v1/setup"
CODE = "AB12-CD34-EF56-GH78"
OWNER = {"code": CODE, "email": "Owner@Example.com", "name": " Olga ", "password": PASSWORD}


@pytest.fixture
def code(db: None) -> str:
    owner_setup.replace_setup_code(CODE)
    return CODE


# --- accounts.owner_setup ------------------------------------------------------------------------------


def create_owner(code: str = CODE, password: str = PASSWORD, email: str = "owner@example.com") -> User:
    return owner_setup.create_owner(code=code, email=email, name="Owner", password=password)


def test_the_code_creates_an_owner_with_all_rights_once(db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    assert not owner_setup.owner_exists()
    owner = create_owner()
    assert (owner.is_staff, owner.is_superuser, owner.email_verified) == (True, True, True)
    assert users.verify_password(owner.pk, PASSWORD)
    assert owner_setup.owner_exists()
    with pytest.raises(owner_setup.SetupDone):
        create_owner(email="second@example.com")
    assert User.objects.get() == owner


@pytest.mark.parametrize("code", [CODE.lower(), f"  {CODE}\n"])
def test_case_and_surrounding_space_of_the_code_do_not_matter(code: str, db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    assert create_owner(code=code).is_superuser


@pytest.mark.parametrize("code", ["", "AB12", "AB12-CD34-EF56-GH79", "%", "\x00", "\ud800"])
def test_a_wrong_code_is_refused_and_the_right_one_stays_valid(code: str, db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    with pytest.raises(owner_setup.SetupCodeWrong):
        create_owner(code=code)
    assert not User.objects.exists()
    assert create_owner().is_superuser


def test_no_code_works_before_one_is_set(db: None) -> None:
    with pytest.raises(owner_setup.SetupCodeWrong):
        create_owner()


def test_a_new_code_replaces_the_earlier_one(db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    owner_setup.replace_setup_code("ZZZZ-ZZZZ-ZZZZ-ZZZZ")
    with pytest.raises(owner_setup.SetupCodeWrong):
        create_owner()
    assert create_owner(code="ZZZZ-ZZZZ-ZZZZ-ZZZZ").is_superuser


def test_a_used_code_stays_used_when_the_owner_is_deleted(db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    create_owner().delete()
    with pytest.raises(owner_setup.SetupCodeWrong):
        create_owner()


@pytest.mark.parametrize("wrong", [{"password": "short"}, {"email": "no e-mail"}])
def test_the_code_stays_valid_when_the_input_is_refused(wrong: dict[str, str], db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    with pytest.raises(InvalidInput):
        create_owner(**wrong)
    assert OwnerSetupCode.objects.get().used_at is None
    assert create_owner().is_superuser


def test_the_code_stays_valid_when_the_email_is_taken(alice: User) -> None:
    owner_setup.replace_setup_code(CODE)
    with pytest.raises(EmailTaken):
        create_owner(email="Alice@example.com")
    assert create_owner().is_superuser


def test_of_two_concurrent_uses_of_the_code_one_creates_the_owner(transactional_db: None) -> None:
    owner_setup.replace_setup_code(CODE)
    emails = ["one@example.com", "two@example.com"]
    results = at_once(2, lambda: create_owner(email=emails.pop()))
    names = {type(result).__name__ for result in results}
    assert "User" in names
    assert names & {"SetupDone", "SetupCodeWrong"}
    assert User.objects.count() == 1


# --- /api/v1/setup ------------------------------------------------------------------------------------


def test_a_new_server_needs_an_owner(db: None) -> None:
    assert API().get(SETUP).json() == {"needed": True}


def test_other_users_are_not_the_owner(alice: User) -> None:
    assert API().get(SETUP).json() == {"needed": True}


def test_post_creates_the_owner(code: str) -> None:
    response = API().post(SETUP, OWNER)
    assert response.status_code == 201
    owner = User.objects.get()
    assert response.json() == {
        "user": {
            "id": str(owner.pk),
            "email": "owner@example.com",
            "name": "Olga",
            "email_verified": True,
            "is_staff": True,
            "created_at": owner.created_at.isoformat().replace("+00:00", "Z"),
        }
    }
    assert owner.is_superuser
    assert API().get(SETUP).json() == {"needed": False}


def test_the_owner_can_log_in_to_the_admin(code: str) -> None:
    API().post(SETUP, OWNER)
    browser = Client()
    form = {"username": OWNER["email"], "password": PASSWORD}
    assert browser.post("/admin/login/?next=/admin/", form).status_code == 302
    assert browser.get("/admin/").status_code == 200


def test_creating_the_owner_creates_no_session(code: str) -> None:
    response = API().post(SETUP, OWNER)
    assert not response.cookies
    assert not Session.objects.exists()


def test_a_second_owner_is_refused_with_any_code(code: str) -> None:
    API().post(SETUP, OWNER)
    owner_setup.replace_setup_code("ZZZZ-ZZZZ-ZZZZ-ZZZZ")
    for any_code in (CODE, "ZZZZ-ZZZZ-ZZZZ-ZZZZ", "wrong"):
        again = OWNER | {"email": "second@example.com", "code": any_code}
        assert_problem(API().post(SETUP, again), 409, "setup-done")
    assert User.objects.count() == 1


def test_a_wrong_code_is_refused_with_a_hint_to_the_console(code: str) -> None:
    problem = assert_problem(API().post(SETUP, OWNER | {"code": "wrong"}), 403, "setup-code-wrong")
    assert "console" in problem["detail"]
    assert not User.objects.exists()


def test_a_weak_password_is_refused_and_the_code_stays_valid(code: str) -> None:
    problem = assert_problem(API().post(SETUP, OWNER | {"password": "123456"}), 400, "invalid-input")
    assert {error["pointer"] for error in problem["errors"]} == {"/password"}
    assert API().post(SETUP, OWNER).status_code == 201


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"email": "no e-mail"}, "/email"),
        ({"email": "x" * 255}, "/email"),
        ({"email": None}, "/email"),
        ({"email": ["a@example.com"]}, "/email"),
        ({"name": "  "}, "/name"),
        ({"name": "x" * 151}, "/name"),
        ({"password": ""}, "/password"),
        ({"password": {}}, "/password"),
        ({"password": "x" * 129}, "/password"),
        ({"password": "x" * 1001}, "/password"),
        ({"code": ""}, "/code"),
        ({"code": "x" * 101}, "/code"),
        ({"is_staff": True}, "/is_staff"),
    ],
)
def test_an_invalid_field_is_named(wrong: dict[str, Any], pointer: str, code: str) -> None:
    problem = assert_problem(API().post(SETUP, OWNER | wrong), 400, "invalid-input")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert not User.objects.exists()


def test_all_missing_fields_are_named(code: str) -> None:
    for body in ({}, None):
        problem = assert_problem(API().post(SETUP, body), 400, "invalid-input")
        assert {error["pointer"] for error in problem["errors"]} == {"/code", "/email", "/name", "/password"}


def test_a_taken_email_is_refused_and_the_code_stays_valid(code: str, alice: User) -> None:
    assert_problem(API().post(SETUP, OWNER | {"email": "ALICE@example.com"}), 409, "email-taken")
    assert API().post(SETUP, OWNER).status_code == 201


def test_spaces_around_a_password_are_part_of_it(code: str) -> None:
    API().post(SETUP, OWNER | {"password": f"  {PASSWORD}  "})
    owner = User.objects.get()
    assert users.verify_password(owner.pk, f"  {PASSWORD}  ")
    assert not users.verify_password(owner.pk, PASSWORD)


def test_an_invalid_session_does_not_matter(code: str) -> None:
    headers = {"Authorization": "Bearer dead", "Cookie": "hostbridge_session=dead"}
    assert API().post(SETUP, OWNER, headers=headers).status_code == 201
