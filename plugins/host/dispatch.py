"""One host call from the request's parts to the answer's: the same function for the bridge and for HTTP.

First the grant, then the shape, then the operation; audited whatever comes of it. It never raises: a guest
gets a status and a problem, never a trap, and a failure never looks like success.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from rest_framework.exceptions import APIException

from core.operations import Operation, subject
from core.problems import (
    CONTENT_TYPE,
    InternalError,
    InvalidInput,
    MethodNotAllowed,
    PayloadTooLarge,
    Problem,
    UnsupportedMediaType,
    as_problem,
)
from core.strict_json import parse_json
from plugins.host.caller import Caller, OperationNotGranted

logger = logging.getLogger("hostbridge.host")

MAX_BODY_BYTES = 1 << 20
JSON = "application/json"


@dataclass(frozen=True)
class OperationRequest:
    """What was asked of a route, as it came. A body over MAX_BODY_BYTES may be cut off one byte after."""

    method: str
    path_fields: Mapping[str, Any]
    query: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class HostResponse:
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str]


def perform(inquiry: OperationRequest, caller: Caller, operations: Mapping[str, Operation]) -> HostResponse:
    """What the route, with these operations by method, has to say to this caller."""
    started = time.perf_counter()
    operation = operations.get(inquiry.method)
    about = ""
    try:
        operation = _known(operation, operations)
        caller.require(operation.name)
        data = checked(operation, inquiry)
        about = subject(data, None)
        _check_own(operation, caller, data)
        result = operation.perform(caller, data)
        about = about or subject(data, result)
        found = HostResponse(
            operation.status, JSON, b"" if result is None else json.dumps(result).encode(), {}
        )
    except (Problem, APIException) as error:
        found = problem_response(as_problem(error) or InternalError())
    except Exception:
        logger.exception("A host operation failed")
        found = problem_response(InternalError())
    caller.record(operation.name if operation else "", about, found.status, started)
    return found


def checked(operation: Operation, inquiry: OperationRequest) -> dict[str, Any]:
    """The inquiry's fields in the operation's shapes. Raises Problem and ValidationError."""
    data: dict[str, Any] = {}
    if len(inquiry.body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"A request to the host API may have at most {MAX_BODY_BYTES} bytes.")
    if operation.request is not None:
        data |= _in_shape(operation.request, _parsed(inquiry))
    elif inquiry.body:
        raise InvalidInput(f"{operation.name} takes no body.")
    if operation.query is not None:
        data |= _in_shape(operation.query, _fields(inquiry.query))
    elif inquiry.query:
        raise InvalidInput(f"{operation.name} takes no query.")
    return {**data, **inquiry.path_fields}


def _fields(query: str) -> dict[str, str]:
    try:
        fields = QueryDict(query)
    except TooManyFieldsSent as error:
        raise InvalidInput("The query has too many fields.") from error
    return {name: str(fields[name]) for name in fields}


def _known(operation: Operation | None, operations: Mapping[str, Operation]) -> Operation:
    if operation is None:
        raise MethodNotAllowed(f"This address answers {', '.join(sorted(operations))}.")
    return operation


def problem_response(problem: Problem) -> HostResponse:
    return HostResponse(problem.status, CONTENT_TYPE, json.dumps(problem.as_dict()).encode(), problem.headers)


def _parsed(inquiry: OperationRequest) -> Any:
    if not inquiry.body:
        return {}
    if inquiry.content_type.partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType
    return parse_json(inquiry.body)


def _in_shape(shape: Any, data: Any) -> dict[str, Any]:
    form = shape(data=data)
    form.is_valid(raise_exception=True)
    found: dict[str, Any] = form.validated_data
    return found


def _check_own(operation: Operation, caller: Caller, data: dict[str, Any]) -> None:
    """Raises OperationNotGranted if a run in a browser asks for what is not its user's own."""
    user = caller.own_data_of
    if user is not None and (operation.own is None or not operation.own(user, data)):
        raise OperationNotGranted(
            f"In a browser, {operation.name} is for the user's own data only.", operation=operation.name
        )
