"""Errors: one shape for all of them (RFC 9457), and none that tells more than it should."""

import json
from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions as drf

from accounts import owner_setup
from core import problems
from core.problems import InvalidInput, Problem, as_problem, pointer_to, response_for
from tests.conftest import API, assert_problem


def every_problem(base: type[Problem] = Problem) -> Iterator[type[Problem]]:
    yield base
    for kind in base.__subclasses__():
        yield from every_problem(kind)


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/", "/api/v2/setup", "/api/v1/setup/", "/host/v1/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_of_an_api_is_a_problem(method: str, path: str, db: None) -> None:
    assert_problem(API().request(method, path), 404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_wrong_method_is_told_with_the_right_ones(method: str, db: None) -> None:
    response = API().request(method, "/api/v1/setup")
    assert_problem(response, 405, "method-not-allowed")
    assert {name.strip() for name in response["Allow"].split(",")} == {"GET", "POST", "HEAD", "OPTIONS"}


def test_a_failure_of_ours_is_a_problem_that_tells_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise RuntimeError("password of the database: hunter2")

    monkeypatch.setattr(owner_setup, "owner_exists", broken)
    response = API().get("/api/v1/setup")
    assert_problem(response, 500, "internal-error")
    assert b"hunter2" not in response.content


def test_nobody_is_asked_to_log_in_with_a_header_that_says_how(db: None) -> None:
    response = API().get("/api/v1/executions")
    assert_problem(response, 401, "not-authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (drf.ValidationError("no"), 400, "invalid-input"),
        (drf.ParseError(), 400, "malformed-json"),
        (drf.NotAuthenticated(), 401, "not-authenticated"),
        (drf.AuthenticationFailed(), 401, "not-authenticated"),
        (drf.PermissionDenied(), 403, "forbidden"),
        (PermissionDenied("inside"), 403, "forbidden"),
        (drf.NotFound(), 404, "not-found"),
        (Http404("inside"), 404, "not-found"),
        (drf.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (drf.UnsupportedMediaType("text/plain"), 415, "unsupported-media-type"),
        (drf.Throttled(7), 429, "rate-limited"),
        (RequestDataTooBig("inside"), 413, "payload-too-large"),
        (MultiPartParserError("inside"), 400, "malformed-multipart"),
        (TooManyFieldsSent("inside"), 400, "malformed-multipart"),
        (TooManyFilesSent("inside"), 400, "malformed-multipart"),
    ],
)
def test_what_the_frameworks_raise_becomes_ours(error: Exception, status: int, code: str) -> None:
    problem = as_problem(error)
    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    assert problem.detail
    assert "inside" not in json.dumps(problem.as_dict())


def test_what_nobody_foresaw_is_left_to_the_500() -> None:
    assert as_problem(RuntimeError("inside")) is None
    assert problems.exception_handler(RuntimeError("inside"), {}) is None


def test_every_kind_has_a_code_and_a_title_and_a_status_of_an_error() -> None:
    kinds = list(every_problem())
    assert all(400 <= kind.status <= 599 and kind.title for kind in kinds)
    assert all(kind.code == kind.code.lower() and " " not in kind.code for kind in kinds)
    told = {(kind.code, kind.status) for kind in kinds}
    assert len({code for code, _ in told}) == len(told), "one code has two statuses"


def test_a_problem_is_an_object_of_rfc_9457() -> None:
    problem = problems.Forbidden("No.", operation="db_create_user")
    assert problem.as_dict() == {
        "type": "urn:hostbridge:problem:forbidden",
        "title": "You may not do this",
        "status": 403,
        "detail": "No.",
        "operation": "db_create_user",
    }
    response = response_for(problem)
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert json.loads(response.content) == problem.as_dict()


def test_nested_field_errors_are_told_by_json_pointers() -> None:
    detail = {"name": ["Required."], "a/b": {"c~": ["Bad.", "Worse."]}, "list": [{}, {"x": ["No."]}]}
    problem = as_problem(drf.ValidationError(detail | {"non_field_errors": ["Both."]}))
    assert isinstance(problem, InvalidInput)
    assert problem.errors == [
        {"pointer": "/name", "detail": "Required."},
        {"pointer": "/a~1b/c~0", "detail": "Bad."},
        {"pointer": "/a~1b/c~0", "detail": "Worse."},
        {"pointer": "/list/1/x", "detail": "No."},
        {"pointer": "", "detail": "Both."},
    ]


@pytest.mark.parametrize(
    ("key", "pointer"), [("a", "/p/a"), ("", "/p/"), ("~1", "/p/~01"), ("/", "/p/~1"), (3, "/p/3")]
)
def test_pointers_escape_what_they_must(key: object, pointer: str) -> None:
    assert pointer_to("/p", key) == pointer
