"""GET and POST /api/v1/setup: the owner's account, made once with the code from the console."""

from typing import Any

import pytest
from django.test import Client

from accounts import owner_setup, users
from accounts.models import Session, User
from tests.conftest import API, PASSWORD, assert_problem

SETUP = "/api/v1/setup"
CODE = "AB12-CD34-EF56-GH78"
OWNER = {"code": CODE, "email": "Owner@Example.com", "name": " Olga ", "password": PASSWORD}


@pytest.fixture
def code(db: None) -> str:
    owner_setup.replace_setup_code(CODE)
    return CODE


def test_a_new_server_needs_its_owner(db: None) -> None:
    assert API().get(SETUP).json() == {"needed": True}


def test_users_who_are_no_owners_do_not_end_the_need(alice: User) -> None:
    assert API().get(SETUP).json() == {"needed": True}


def test_the_code_makes_the_owner(code: str) -> None:
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


def test_the_owner_logs_in_to_the_admin(code: str) -> None:
    API().post(SETUP, OWNER)
    browser = Client()
    form = {"username": OWNER["email"], "password": PASSWORD}
    assert browser.post("/admin/login/?next=/admin/", form).status_code == 302
    assert browser.get("/admin/").status_code == 200


def test_making_the_owner_logs_nobody_in(code: str) -> None:
    response = API().post(SETUP, OWNER)
    assert not response.cookies
    assert not Session.objects.exists()


def test_a_second_owner_is_refused_whatever_the_code(code: str) -> None:
    API().post(SETUP, OWNER)
    owner_setup.replace_setup_code("ZZZZ-ZZZZ-ZZZZ-ZZZZ")
    for given in (CODE, "ZZZZ-ZZZZ-ZZZZ-ZZZZ", "wrong"):
        again = OWNER | {"email": "second@example.com", "code": given}
        assert_problem(API().post(SETUP, again), 409, "setup-done")
    assert User.objects.count() == 1


def test_a_wrong_code_is_refused_and_told_where_the_right_one_stands(code: str) -> None:
    problem = assert_problem(API().post(SETUP, OWNER | {"code": "wrong"}), 403, "setup-code-wrong")
    assert "console" in problem["detail"]
    assert not User.objects.exists()


def test_a_weak_password_leaves_the_code_good(code: str) -> None:
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
def test_a_wrong_field_is_told_by_its_name(wrong: dict[str, Any], pointer: str, code: str) -> None:
    problem = assert_problem(API().post(SETUP, OWNER | wrong), 400, "invalid-input")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert not User.objects.exists()


def test_every_missing_field_is_told(code: str) -> None:
    for body in ({}, None):
        problem = assert_problem(API().post(SETUP, body), 400, "invalid-input")
        assert {error["pointer"] for error in problem["errors"]} == {"/code", "/email", "/name", "/password"}


def test_an_email_taken_in_another_case_leaves_the_code_good(code: str, alice: User) -> None:
    assert_problem(API().post(SETUP, OWNER | {"email": "ALICE@example.com"}), 409, "email-taken")
    assert API().post(SETUP, OWNER).status_code == 201


def test_blanks_in_a_password_count(code: str) -> None:
    API().post(SETUP, OWNER | {"password": f"  {PASSWORD}  "})
    owner = User.objects.get()
    assert users.verify_password(owner.pk, f"  {PASSWORD}  ")
    assert not users.verify_password(owner.pk, PASSWORD)


def test_a_dead_session_is_no_obstacle(code: str) -> None:
    headers = {"Authorization": "Bearer dead", "Cookie": "hostbridge_session=dead"}
    assert API().post(SETUP, OWNER, headers=headers).status_code == 201
