"""Carries a guest's requests to the host API, inside this process, or to the egress gate, and replies back.

The guest addresses the host by a name that cannot resolve (`.invalid`, RFC 6761), so a request can never
leave the server by mistake. Every failure on the host's side becomes a status with a problem as its body;
the guest never sees it as a success or a trap.
"""

import json
import logging
import math
import re
import time
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from core.operations import OPERATIONS, PREFIX, Operation
from core.problems import InternalError, InvalidInput, Problem
from core.strict_json import parse_json
from plugins.egress import gate
from plugins.egress.gate import get_gate
from plugins.egress.url_rules import HOST_ORIGIN, MAX_URL_CHARS
from plugins.host.caller import Caller
from plugins.host.dispatch import (
    JSON,
    MAX_BODY_BYTES,
    HostResponse,
    OperationRequest,
    perform,
    problem_response,
)
from plugins.host.route_table import OperationNotFound, route_table
from plugins.runtime.protocol import GuestRequest, HostFunction, HostReply, HostRequest

logger = logging.getLogger("hostbridge.bridge")

# Matches the path of every route, and nothing that would need decoding or resolving ("..", "%2e", "//", "\").
_SEGMENT = r"(?!\.{1,2}(?:/|\?|$))[A-Za-z0-9._:-]+"
_ADDRESS = re.compile(
    re.escape(HOST_ORIGIN + PREFIX)
    + rf"(?P<path>{_SEGMENT}(?:/{_SEGMENT})*)(?:\?(?P<query>[\x21\x24-\x7e]*))?"
)


def handle(asked: GuestRequest, caller: Caller, deadline: float = math.inf) -> HostReply:
    """Answers a guest's HTTP request or host function call. Never raises.

    `deadline`, a time.monotonic(), is the end of the guest's own time.
    """
    if isinstance(asked, HostFunction):
        response = _call_host_function(asked, caller)
    elif asked.url.startswith(HOST_ORIGIN + "/"):
        response = _call_host_api(asked, caller)
    else:
        return _call_outside(asked, caller, deadline)
    return _reply(asked, response)


def _reply(asked: GuestRequest, response: HostResponse) -> HostReply:
    # No header but the content type: the guest needs no other.
    return HostReply(asked.call_id, response.status, {"content-type": response.content_type}, response.body)


def _call_outside(asked: HostRequest, caller: Caller, deadline: float) -> HostReply:
    request = gate.Request(asked.method, asked.url, asked.headers, asked.body)
    record = partial(caller.record, "http_request")
    try:
        response = gate.fetch(request, caller.network, get_gate(), deadline, record)
    except Problem as error:
        problem = error
    except Exception:
        logger.exception("A request to an outside address failed")
        problem = InternalError()
    else:
        return HostReply(asked.call_id, response.status, response.headers, response.body)
    return _reply(asked, problem_response(problem))


def _call_host_api(asked: HostRequest, caller: Caller) -> HostResponse:
    started = time.perf_counter()
    try:
        return _perform(asked, caller)
    except Problem as error:
        problem = error
    except Exception:
        logger.exception("A host request failed")
        problem = InternalError()
    caller.record("", "", problem.status, started)
    return problem_response(problem)


def _perform(asked: HostRequest, caller: Caller) -> HostResponse:
    """Raises OperationNotFound."""
    address = _ADDRESS.fullmatch(asked.url[: MAX_URL_CHARS + 1])
    if address is None or len(asked.url) > MAX_URL_CHARS:
        raise OperationNotFound
    route, path_fields = route_table().find(address["path"])
    headers = {name.lower(): value for name, value in asked.headers.items()}
    request = OperationRequest(
        method=asked.method,
        path_fields=path_fields,
        query=address["query"] or "",
        content_type=headers.get("content-type", JSON),
        body=asked.body[: MAX_BODY_BYTES + 1],
    )
    return perform(request, caller, route.operations)


def _call_host_function(asked: HostFunction, caller: Caller) -> HostResponse:
    """The older interface: all fields of an operation travel in one JSON object.

    They are turned into the same request that a guest would send by HTTP, so both get the same answer.
    """
    started = time.perf_counter()
    operation = OPERATIONS.get(asked.name)
    try:
        if operation is None:  # an operation of an earlier version, or a worker that was taken over
            raise OperationNotFound
        response = _call_host_api(_as_request(asked, operation), caller)
    except Problem as problem:
        response = problem_response(problem)
        caller.record(operation.name if operation else "", "", problem.status, started)
    content = response.body.decode() or "null"
    succeeded = response.status < 400
    envelope = f'{{"ok":true,"data":{content}}}' if succeeded else f'{{"ok":false,"error":{content}}}'
    return replace(response, body=envelope.encode())


def _as_request(asked: HostFunction, operation: Operation) -> HostRequest:
    """Raises Problem if the payload is not a JSON object, lacks a field of the path, or is too long."""
    fields = parse_json(asked.payload) if asked.payload.strip() else {}
    if not isinstance(fields, dict):
        raise InvalidInput("A host function takes one JSON object.")
    route = operation.route
    for name in operation.path_fields:
        value = fields.pop(name, None)
        if not isinstance(value, str) or not value:
            raise InvalidInput.at(f"/{name}", "This field is required and must be text.")
        route = re.sub(rf"<\w+:{name}>", quote(value, safe=""), route)
    url = HOST_ORIGIN + PREFIX + route
    if operation.query is not None and fields:
        url += "?" + urlencode({name: _as_text(value) for name, value in fields.items()})
        fields = {}
    if len(url) > MAX_URL_CHARS:
        raise InvalidInput(f"The fields of {operation.name} may have at most {MAX_URL_CHARS} characters.")
    body = json.dumps(fields).encode() if operation.request is not None or fields else b""
    return HostRequest(asked.call_id, operation.method, url, {"content-type": "application/json"}, body)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
