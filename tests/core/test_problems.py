"""core.problems: every error has the same shape (RFC 9457) and reveals nothing internal."""

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
def test_an_unknown_api_url_is_a_problem(method: str, path: str, db: None) -> None:
    assert_problem(API().request(method, path), 404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_wrong_method_is_refused_with_the_allowed_ones(method: str, db: None) -> None:
    response = API().request(method, "/api/v1/setup")
    assert_problem(response, 405, "method-not-allowed")
    assert {name.strip() for name in response["Allow"].split(",")} == {"GET", "POST", "HEAD", "OPTIONS"}


def test_an_unexpected_error_reveals_no_details(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise RuntimeError("password of the database: hunter2")

    monkeypatch.setattr(owner_setup, "owner_exists", broken)
    response = API().get("/api/v1/setup")
    assert_problem(response, 500, "internal-error")
    assert b"hunter2" not in response.content


def test_an_unauthenticated_request_gets_a_www_authenticate_header(db: None) -> None:
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
def test_framework_exceptions_become_problems(error: Exception, status: int, code: str) -> None:
    problem = as_problem(error)
    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    assert problem.detail
    assert "inside" not in json.dumps(problem.as_dict())


def test_an_unknown_exception_becomes_no_problem() -> None:
    assert as_problem(RuntimeError("inside")) is None
    assert problems.exception_handler(RuntimeError("inside"), {}) is None


def test_every_problem_has_a_code_a_title_and_an_error_status() -> None:
    kinds = list(every_problem())
    assert all(400 <= kind.status <= 599 and kind.title for kind in kinds)
    assert all(kind.code == kind.code.lower() and " " not in kind.code for kind in kinds)
    statuses = {(kind.code, kind.status) for kind in kinds}
    assert len({code for code, _ in statuses}) == len(statuses), "one code has two statuses"


def test_a_problem_is_serialized_as_rfc_9457() -> None:
    problem = problems.Forbidden("No.", operation="db_create_user")
    assert problem.as_dict() == {
        "type": "urn:hostbridge:problem:forbidden",
        "title": "Permission denied",
        "status": 403,
        "detail": "No.",
        "operation": "db_create_user",
    }
    response = response_for(problem)
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert json.loads(response.content) == problem.as_dict()


def test_nested_field_errors_get_json_pointers() -> None:
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
def test_json_pointers_are_escaped(key: object, pointer: str) -> None:
    assert pointer_to("/p", key) == pointer
