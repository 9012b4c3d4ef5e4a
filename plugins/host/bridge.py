"""Carries a guest's HTTP request to the host API, inside this process, or to the egress gate, and back.

The guest addresses the host by a name that no resolver knows (RFC 6761, `.invalid`), so that a request can
never leave by mistake. A host-side failure of any kind becomes a status with a problem body: to the guest a
failure never looks like success, and never like a trap.
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
from core.problems import InternalError, InvalidInput, NotFound, Problem
from core.strict_json import parse_json
from plugins.egress import gate
from plugins.egress.addresses import HOST_ORIGIN, MAX_URL_CHARS
from plugins.egress.gate import get_gate
from plugins.host.caller import Caller
from plugins.host.dispatch import (
    JSON,
    MAX_BODY_BYTES,
    HostResponse,
    OperationRequest,
    perform,
    problem_response,
)
from plugins.host.urls import urlpatterns
from plugins.runtime.protocol import GuestRequest, HostFunction, HostReply, HostRequest

logger = logging.getLogger("hostbridge.bridge")

# Every route of the host API fits; whatever needs decoding or resolving ("..", "%2e", "//", "\") does not.
_SEGMENT = r"(?!\.{1,2}(?:/|\?|$))[A-Za-z0-9._:-]+"
_ADDRESS = re.compile(
    re.escape(HOST_ORIGIN + PREFIX)
    + rf"(?P<path>{_SEGMENT}(?:/{_SEGMENT})*)(?:\?(?P<query>[\x21\x24-\x7e]*))?"
)


def handle(asked: GuestRequest, caller: Caller, deadline: float = math.inf) -> HostReply:
    """The answer to what a guest asked, by HTTP or by host function. Never raises.

    `deadline`, a time.monotonic(), is when the guest's own time is up.
    """
    if isinstance(asked, HostFunction):
        found = _call_function(asked, caller)
    elif asked.url.startswith(HOST_ORIGIN + "/"):
        found = _answer(asked, caller)
    else:
        return _reach_out(asked, caller, deadline)
    return _reply(asked, found)


def _reply(asked: GuestRequest, found: HostResponse) -> HostReply:
    # The content type and no other header: the guest needs no more.
    return HostReply(asked.call_id, found.status, {"content-type": found.content_type}, found.body)


def _reach_out(asked: HostRequest, caller: Caller, deadline: float) -> HostReply:
    request = gate.Request(asked.method, asked.url, asked.headers, asked.body)
    record = partial(caller.record, "http_request")
    try:
        found = gate.fetch(request, caller.network, get_gate(), deadline, record)
    except Problem as error:
        problem = error
    except Exception:
        logger.exception("A request to an outside address failed")
        problem = InternalError()
    else:
        return HostReply(asked.call_id, found.status, found.headers, found.body)
    return _reply(asked, problem_response(problem))


def _answer(request: HostRequest, caller: Caller) -> HostResponse:
    started = time.perf_counter()
    try:
        return _dispatch(request, caller)
    except Problem as error:
        problem = error
    except Exception:
        logger.exception("A host request failed")
        problem = InternalError()
    caller.record("", "", problem.status, started)
    return problem_response(problem)


def _call_function(asked: HostFunction, caller: Caller) -> HostResponse:
    """The older interface: all fields of an operation in one JSON object, made into the same request."""
    started = time.perf_counter()
    operation = OPERATIONS.get(asked.name)
    try:
        if operation is None:  # one of an earlier version; or the worker is not what it was
            raise NotFound("There is no such operation in the host API.")
        found = _answer(_as_request(asked, operation), caller)
    except Problem as problem:
        found = problem_response(problem)
        caller.record(operation.name if operation else "", "", problem.status, started)
    said = found.body.decode() or "null"
    told = f'{{"ok":true,"data":{said}}}' if found.status < 400 else f'{{"ok":false,"error":{said}}}'
    return replace(found, body=told.encode())


def _as_request(asked: HostFunction, operation: Operation) -> HostRequest:
    """Raises Problems for what is no JSON object, lacks a field of the path or is too long."""
    fields = parse_json(asked.payload) if asked.payload.strip() else {}
    if not isinstance(fields, dict):
        raise InvalidInput("A host function takes one JSON object.")
    route = operation.route
    for name in operation.path_fields:
        value = fields.pop(name, None)
        if not isinstance(value, str) or not value:
            raise InvalidInput.at(f"/{name}", "This field is required, as text.")
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


def _dispatch(request: HostRequest, caller: Caller) -> HostResponse:
    address = _ADDRESS.fullmatch(request.url[: MAX_URL_CHARS + 1])
    if address is None or len(request.url) > MAX_URL_CHARS:
        raise NotFound("There is no such operation in the host API.")
    operations, path_fields = _find(address["path"])
    headers = {name.lower(): value for name, value in request.headers.items()}
    inquiry = OperationRequest(
        method=request.method,
        path_fields=path_fields,
        query=address["query"] or "",
        content_type=headers.get("content-type", JSON),
        body=request.body[: MAX_BODY_BYTES + 1],
    )
    return perform(inquiry, caller, operations)


def _find(path: str) -> tuple[dict[str, Operation], dict[str, Any]]:
    """The route's operations and the fields in the path: by the very patterns that serve real HTTP."""
    for route in urlpatterns:
        if found := route.pattern.match(path):
            view: Any = route.callback
            return view.cls.operations, found[2]
    raise NotFound("There is no such operation in the host API.")
