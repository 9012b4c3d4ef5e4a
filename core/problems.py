"""The errors that callers can receive, and how they become application/problem+json (RFC 9457).

Problem                     400..  a plain sentence for people, a stable `type` for programs
├── InvalidInput            400    one entry per wrong field, as JSON pointers
├── MalformedJSON           400
├── MalformedMultipart      400
├── NotAuthenticated        401
│   └── SessionExpired      401
├── Forbidden               403
│   └── CSRFFailed          403
├── NotFound                404
├── MethodNotAllowed        405
├── PayloadTooLarge         413
├── UnsupportedMediaType    415
├── RateLimited             429
└── InternalError           500

Other modules define their own subclasses. `exception_handler` turns all of them into HTTP responses.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, JsonResponse
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions as drf
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:hostbridge:problem:"


class Problem(Exception):
    """An error for the caller. `detail` says what is wrong and how to fix it; callers see it as it is."""

    status: int = 400
    code: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "Bad request"
    default_detail: ClassVar[str] = ""

    def __init__(self, detail: str = "", *, errors: Iterable[Mapping[str, str]] = (), **members: Any) -> None:
        super().__init__(detail or self.default_detail or self.title)
        self.errors = [dict(error) for error in errors]
        self.members = members
        self.headers: dict[str, str] = {}

    @property
    def detail(self) -> str:
        return str(self.args[0])

    def as_dict(self) -> dict[str, Any]:
        body = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return body | ({"errors": self.errors} if self.errors else {}) | self.members


class InvalidInput(Problem):
    code = "invalid-input"
    title = "Invalid input"
    default_detail = "Some fields are not valid; `errors` lists each with the reason."

    @classmethod
    def at(cls, pointer: str, detail: str) -> Self:
        """For a single field, given by its JSON pointer (RFC 6901)."""
        return cls(detail, errors=[{"pointer": pointer, "detail": detail}])


class MalformedJSON(Problem):
    code = "malformed-json"
    title = "The body is not valid JSON"


class MalformedMultipart(Problem):
    code = "malformed-multipart"
    title = "The body is not valid multipart/form-data"
    default_detail = "Let your HTTP client build the body and the Content-Type header with its boundary."


class NotAuthenticated(Problem):
    status = 401
    code = "not-authenticated"
    title = "You are not logged in"
    default_detail = "Log in, or send a token in the Authorization header: Bearer …"

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail, **members)
        self.headers["WWW-Authenticate"] = "Bearer"


class SessionExpired(NotAuthenticated):
    code = "session-expired"
    title = "Session expired"
    default_detail = "The session is unknown or has expired. Log in again."


class Forbidden(Problem):
    status = 403
    code = "forbidden"
    title = "Permission denied"


class CSRFFailed(Forbidden):
    code = "csrf-failed"
    title = "CSRF check failed"
    default_detail = (
        "Reload the page and try again. A client that sends the session cookie must also send the value "
        "of the `csrftoken` cookie in the X-CSRFToken header."
    )


class NotFound(Problem):
    status = 404
    code = "not-found"
    title = "Not found"


class MethodNotAllowed(Problem):
    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"


class PayloadTooLarge(Problem):
    status = 413
    code = "payload-too-large"
    title = "The body is too large"


class UnsupportedMediaType(Problem):
    status = 415
    code = "unsupported-media-type"
    title = "Unsupported content type"
    default_detail = "Send JSON with the header Content-Type: application/json."


class RateLimited(Problem):
    status = 429
    code = "rate-limited"
    title = "Too many requests"


class InternalError(Problem):
    status = 500
    code = "internal-error"
    title = "Internal server error"
    default_detail = "The error has been logged. Try again; if it happens again, tell the administrator."


def response_for(problem: Problem) -> JsonResponse:
    """The problem as a plain Django response, for errors outside REST framework's views."""
    return JsonResponse(
        problem.as_dict(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
    )


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER: the response for what a view raised. None lets it become a 500."""
    problem = as_problem(error)
    if problem is None:
        return None
    return Response(
        problem.as_dict(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
    )


def as_problem(error: Exception) -> Problem | None:
    """The Problem for an exception of ours, Django's or REST framework's; None for any other."""
    if isinstance(error, Problem):
        return error
    for kind, translate in _TRANSLATIONS.items():
        if isinstance(error, kind):
            return translate(error)
    return None


_ASK = "Ask an administrator if you need access."
_TRANSLATIONS: dict[type[Exception], Callable[[Any], Problem]] = {
    drf.ValidationError: lambda error: InvalidInput(errors=_field_errors(error.detail)),
    drf.ParseError: lambda error: MalformedJSON(str(error.detail)),
    drf.NotAuthenticated: lambda _: NotAuthenticated(),
    drf.AuthenticationFailed: lambda _: NotAuthenticated(),
    drf.PermissionDenied: lambda _: Forbidden(_ASK),
    PermissionDenied: lambda _: Forbidden(_ASK),
    drf.NotFound: lambda _: NotFound("Check the address."),
    Http404: lambda _: NotFound("Check the address."),
    drf.MethodNotAllowed: lambda error: MethodNotAllowed(str(error.detail)),
    drf.UnsupportedMediaType: lambda _: UnsupportedMediaType(),
    drf.Throttled: lambda error: RateLimited(str(error.detail)),
    RequestDataTooBig: lambda _: PayloadTooLarge("Send a smaller body."),
    # On requests with a cookie, Django's CSRF check reads the form before any parser of ours.
    MultiPartParserError: lambda _: MalformedMultipart(),
    TooManyFieldsSent: lambda _: MalformedMultipart("It has too many fields."),
    TooManyFilesSent: lambda _: MalformedMultipart("It has too many files."),
}


def pointer_to(parent: str, key: object) -> str:
    """The JSON pointer (RFC 6901) of the member `key` of the value at `parent`."""
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _field_errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Flattens REST framework's nested errors into a list with JSON pointers."""
    if isinstance(detail, dict):
        errors = []
        for key, value in detail.items():
            errors += _field_errors(value, pointer if key == "non_field_errors" else pointer_to(pointer, key))
        return errors
    if isinstance(detail, list):
        errors = []
        for index, value in enumerate(detail):
            errors += _field_errors(value, pointer if isinstance(value, str) else pointer_to(pointer, index))
        return errors
    return [{"pointer": pointer, "detail": str(detail)}]
