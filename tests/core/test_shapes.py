"""A body with thousands of invalid fields is refused quickly and with a short problem."""

from typing import Any

import pytest

from accounts.models import User
from core.shapes import StrictIntegerField, StrictNumberField, StrictSerializer
from tests.conftest import API, assert_problem

MANY = 50_000


def test_only_the_first_unknown_fields_are_reported(db: None) -> None:
    body = {f"f{number:05}": 1 for number in range(MANY)}
    problem = assert_problem(API().post("/api/v1/auth/login", body), 400, "invalid-input")
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == [f"/f{number:05}" for number in range(20)]


TOKENS, ACTIVATE = "/api/v1/tokens", "/api/v1/plugins/template/releases/{version}/activate"


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", TOKENS, {"name": "x", "scopes": [1] * MANY, "expires_in_days": 1}, "/scopes"),
        ("POST", ACTIVATE, {"grants": [1] * MANY}, "/grants"),
        ("POST", ACTIVATE, {"network_grants": [1] * MANY}, "/network_grants"),
        ("POST", ACTIVATE, {"network_grants": [{"url": "x", "methods": [1] * MANY}]}, "/network_grants/0"),
        ("PATCH", "/api/v1/plugins/template", {"grants": [1] * MANY}, "/grants"),
        ("PATCH", "/api/v1/plugins/template", {"network_grants": [1] * MANY}, "/network_grants"),
    ],
)  # fmt: skip
def test_a_list_that_is_too_long_gets_a_single_error(
    bundled: Any, charlie: User, method: str, path: str, body: Any, pointer: str
) -> None:
    path = path.format(version=bundled["template"].active.version)
    problem = assert_problem(API(charlie).request(method, path, body), 400, "invalid-input")
    (error,) = problem["errors"]
    assert error["pointer"].startswith(pointer)


class Numbers(StrictSerializer):
    number = StrictNumberField(min_value=0, max_value=1e9, required=False)
    integer = StrictIntegerField(min_value=0, max_value=10, required=False)


@pytest.mark.parametrize("value", ["nan", "1", True, None, [], 10**400, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["number", "integer"])
def test_only_numbers_within_bounds_are_numbers(field: str, value: object) -> None:
    assert not Numbers(data={field: value}).is_valid()


@pytest.mark.parametrize("value", [0.0, 1.0, 1e1])
def test_fraction_is_not_an_integer(value: float) -> None:
    assert Numbers(data={"number": value}).is_valid()
    assert not Numbers(data={"integer": value}).is_valid()
