"""Performs one host call: from the parts of the request to the parts of the response.

The bridge and the HTTP views both call `perform`. It checks the grant, validates the input, performs the
operation, and audits the call whatever the outcome. It never raises: a guest gets a status and a problem,
never a trap, and a failure never looks like success.
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
    """A request to one route. Only `path_fields` have been validated.

    The body may be cut off after MAX_BODY_BYTES + 1 bytes: enough to see that it is too large.
    """

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


def perform(request: OperationRequest, caller: Caller, operations: Mapping[str, Operation]) -> HostResponse:
    """Performs the request for this caller. `operations` are those of the route, by method."""
    started = time.perf_counter()
    operation = operations.get(request.method)
    about = ""
    try:
        operation = _existing(operation, operations)
        caller.require(operation.name)
        data = validated(operation, request)
        about = subject(data, None)
        _check_own_data(operation, caller, data)
        result = operation.perform(caller, data)
        about = about or subject(data, result)
        body = b"" if result is None else json.dumps(result).encode()
        response = HostResponse(operation.status, JSON, body, {})
    except (Problem, APIException) as error:
        response = problem_response(as_problem(error) or InternalError())
    except Exception:
        logger.exception("A host operation failed")
        response = problem_response(InternalError())
    caller.record(operation.name if operation else "", about, response.status, started)
    return response


def _existing(operation: Operation | None, operations: Mapping[str, Operation]) -> Operation:
    if operation is None:
        raise MethodNotAllowed(f"This address accepts {', '.join(sorted(operations))}.")
    return operation


def problem_response(problem: Problem) -> HostResponse:
    return HostResponse(problem.status, CONTENT_TYPE, json.dumps(problem.as_dict()).encode(), problem.headers)


def validated(operation: Operation, request: OperationRequest) -> dict[str, Any]:
    """The fields of body, query and path, in the operation's shapes.

    Raises Problem, or REST framework's ValidationError.
    """
    data: dict[str, Any] = {}
    if len(request.body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"A request to the host API may have at most {MAX_BODY_BYTES} bytes.")
    if operation.request is not None:
        data |= _in_shape(operation.request, _body_fields(request))
    elif request.body:
        raise InvalidInput(f"{operation.name} takes no body.")
    if operation.query is not None:
        data |= _in_shape(operation.query, _query_fields(request.query))
    elif request.query:
        raise InvalidInput(f"{operation.name} takes no query.")
    return {**data, **request.path_fields}


def _body_fields(request: OperationRequest) -> Any:
    if not request.body:
        return {}
    if request.content_type.partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType
    return parse_json(request.body)


def _query_fields(query: str) -> dict[str, str]:
    try:
        fields = QueryDict(query)
    except TooManyFieldsSent as error:
        raise InvalidInput("The query has too many fields.") from error
    return {name: str(fields[name]) for name in fields}


def _in_shape(shape: Any, data: Any) -> dict[str, Any]:
    form = shape(data=data)
    form.is_valid(raise_exception=True)
    fields: dict[str, Any] = form.validated_data
    return fields


def _check_own_data(operation: Operation, caller: Caller, data: dict[str, Any]) -> None:
    """Raises OperationNotGranted if a run in a browser asks for anything but its user's own data."""
    user = caller.own_data_of
    if user is not None and (operation.own is None or not operation.own(user, data)):
        raise OperationNotGranted(
            f"In a browser, {operation.name} works on the user's own data only.", operation=operation.name
        )
