"""Every error a caller can meet, and how it becomes application/problem+json (RFC 9457).

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
├── EmailTaken              409
├── UserDisabled            409
├── PayloadTooLarge         413
├── UnsupportedMediaType    415
├── RateLimited             429
└── InternalError           500

Other apps add their own subclasses; `exception_handler` is the one place where they become HTTP.
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
    """Something the caller is told. `detail` says what is wrong and how to mend it; it is shown as it is."""

    status: int = 400
    code: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request cannot be answered"
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
    title = "Some of the input is not valid"
    default_detail = "Some fields need another value; each is named here with its reason."

    @classmethod
    def at(cls, pointer: str, detail: str) -> Self:
        """One wrong field, named by its JSON pointer (RFC 6901)."""
        return cls(detail, errors=[{"pointer": pointer, "detail": detail}])


class MalformedJSON(Problem):
    code = "malformed-json"
    title = "The body is not valid JSON"


class MalformedMultipart(Problem):
    code = "malformed-multipart"
    title = "The body is not valid multipart/form-data"
    default_detail = "Let your HTTP client make both the body and its header Content-Type, with the boundary."


class NotAuthenticated(Problem):
    status = 401
    code = "not-authenticated"
    title = "You are not logged in"
    default_detail = "Log in, or send a token in the header Authorization: Bearer …"

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail, **members)
        self.headers["WWW-Authenticate"] = "Bearer"


class SessionExpired(NotAuthenticated):
    code = "session-expired"
    title = "This session has ended"
    default_detail = "The session is unknown or has expired. Log in again."


class Forbidden(Problem):
    status = 403
    code = "forbidden"
    title = "You may not do this"


class CSRFFailed(Forbidden):
    code = "csrf-failed"
    title = "The request could not be told from a forged one"
    default_detail = (
        "Send the value of the cookie `csrftoken` in the header X-CSRFToken. Reloading the page helps."
    )


class NotFound(Problem):
    status = 404
    code = "not-found"
    title = "There is nothing here"


class MethodNotAllowed(Problem):
    status = 405
    code = "method-not-allowed"
    title = "This address does not answer that method"


class PayloadTooLarge(Problem):
    status = 413
    code = "payload-too-large"
    title = "The body is too large"


class UnsupportedMediaType(Problem):
    status = 415
    code = "unsupported-media-type"
    title = "The body has the wrong content type"
    default_detail = "Send JSON with the header Content-Type: application/json."


class RateLimited(Problem):
    status = 429
    code = "rate-limited"
    title = "Too many requests"


class InternalError(Problem):
    status = 500
    code = "internal-error"
    title = "Something went wrong on our side"
    default_detail = "The error has been logged. Try again; if it stays, tell the administrator."


def response_for(problem: Problem) -> JsonResponse:
    """The problem as a plain Django response, for what fails outside of REST framework's views."""
    return JsonResponse(
        problem.as_dict(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
    )


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's hook (EXCEPTION_HANDLER): what a view raised, as an answer. None means a 500."""
    problem = as_problem(error)
    if problem is None:
        return None
    return Response(
        problem.as_dict(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
    )


def as_problem(error: Exception) -> Problem | None:
    """Our problem for what Django or REST framework raise; None for what nobody foresaw."""
    if isinstance(error, Problem):
        return error
    for kind, translate in _TRANSLATIONS.items():
        if isinstance(error, kind):
            return translate(error)
    return None


_TRANSLATIONS: dict[type[Exception], Callable[[Any], Problem]] = {
    drf.ValidationError: lambda error: InvalidInput(errors=_field_errors(error.detail)),
    drf.ParseError: lambda error: MalformedJSON(str(error.detail)),
    drf.NotAuthenticated: lambda _: NotAuthenticated(),
    drf.AuthenticationFailed: lambda _: NotAuthenticated(),
    drf.PermissionDenied: lambda _: Forbidden("Ask an administrator if you should be able to."),
    PermissionDenied: lambda _: Forbidden("Ask an administrator if you should be able to."),
    drf.NotFound: lambda _: NotFound("Check the address."),
    Http404: lambda _: NotFound("Check the address."),
    drf.MethodNotAllowed: lambda error: MethodNotAllowed(str(error.detail)),
    drf.UnsupportedMediaType: lambda _: UnsupportedMediaType(),
    drf.Throttled: lambda error: RateLimited(str(error.detail)),
    RequestDataTooBig: lambda _: PayloadTooLarge("Send less."),
    # With a cookie, Django's CSRF check reads the form before any parser of ours.
    MultiPartParserError: lambda _: MalformedMultipart(),
    TooManyFieldsSent: lambda _: MalformedMultipart("It has too many fields."),
    TooManyFilesSent: lambda _: MalformedMultipart("It has too many files."),
}


def pointer_to(parent: str, key: object) -> str:
    """The JSON pointer (RFC 6901) of what stands under `key` in `parent`."""
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _field_errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """REST framework's nested error lists, flat, with a JSON pointer each."""
    if isinstance(detail, dict):
        found = []
        for key, value in detail.items():
            at_key = pointer if key == "non_field_errors" else pointer_to(pointer, key)
            found += _field_errors(value, at_key)
        return found
    if isinstance(detail, list):
        found = []
        for index, value in enumerate(detail):
            found += _field_errors(value, pointer if isinstance(value, str) else pointer_to(pointer, index))
        return found
    return [{"pointer": pointer, "detail": str(detail)}]
