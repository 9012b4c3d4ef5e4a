"""Carries a guest's HTTP request to the host API, inside this process, and the reply back.

The guest addresses the host by a name that no resolver knows (RFC 6761, `.invalid`), so that a request can
never leave by mistake. A host-side failure of any kind becomes a status with a problem body: to the guest a
failure never looks like success, and never like a trap.
"""

import json
import logging
import re
import time
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, QueryDict
from django.urls import Resolver404, resolve

from accounts.parsers import parse_json
from accounts.problems import (
    CONTENT_TYPE,
    Forbidden,
    InternalError,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    Problem,
)
from plugins.host.caller import Caller
from plugins.operations import OPERATIONS, PREFIX, Operation
from plugins.runtime.protocol import Asked, HostFunction, HostReply, HostRequest

logger = logging.getLogger("hostbridge.bridge")

HOST_ORIGIN = "http://hostbridge.invalid"
MAX_URL_CHARS = 4096
MAX_BODY_BYTES = 1 << 20
# Every route of the host API fits; whatever needs decoding or resolving ("..", "%2e", "//", "\") does not.
_SEGMENT = r"(?!\.{1,2}(?:/|\?|$))[A-Za-z0-9._:-]+"
_ADDRESS = re.compile(
    re.escape(HOST_ORIGIN + PREFIX)
    + rf"(?P<path>{_SEGMENT}(?:/{_SEGMENT})*)(?:\?(?P<query>[\x21\x24-\x7e]*))?"
)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class NetworkNotGranted(Forbidden):
    code = "network-not-granted"
    title = "The plugin may not reach this address"
    default_detail = f"From here a plugin reaches only {HOST_ORIGIN}{PREFIX}…"


def handle(asked: Asked, caller: Caller) -> HostReply:
    """The answer to what a guest asked, by HTTP or by host function. Never raises."""
    if isinstance(asked, HostFunction):
        return _call_function(asked, caller)
    return _answer(asked, caller)


def _answer(request: HostRequest, caller: Caller) -> HostReply:
    started = time.perf_counter()
    try:
        return _dispatch(request, caller)
    except Problem as error:
        problem = error
    except Exception:
        logger.exception("A host request failed")
        problem = InternalError()
    caller.record("", "", problem.status, started)
    return _problem_reply(request, problem)


def _call_function(asked: HostFunction, caller: Caller) -> HostReply:
    """The older interface: all fields of an operation in one JSON object, made into the same request."""
    try:
        reply = _answer(_as_request(asked, OPERATIONS[asked.name]), caller)
    except Problem as problem:
        reply = _problem_reply(asked, problem)
        caller.record(asked.name, "", problem.status, time.perf_counter())
    answer: dict[str, Any] = {"ok": reply.status < 400}
    answer["data" if answer["ok"] else "error"] = json.loads(reply.body) if reply.body else None
    return HostReply(asked.call_id, reply.status, reply.headers, json.dumps(answer).encode())


def _as_request(asked: HostFunction, operation: Operation) -> HostRequest:
    """Raises Problems for what is no JSON object or lacks a field of the path."""
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
    body = json.dumps(fields).encode() if operation.request is not None or fields else b""
    return HostRequest(asked.call_id, operation.method, url, {"content-type": "application/json"}, body)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _dispatch(request: HostRequest, caller: Caller) -> HostReply:
    if len(request.url) > MAX_URL_CHARS:
        raise NetworkNotGranted(f"An address may have at most {MAX_URL_CHARS} characters.")
    address = _ADDRESS.fullmatch(request.url)
    if address is None:
        if request.url.startswith(HOST_ORIGIN + "/"):
            raise NotFound("There is no such operation in the host API.")
        raise NetworkNotGranted
    if len(request.body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"A request to the host API may have at most {MAX_BODY_BYTES} bytes.")
    try:
        match = resolve("/" + address["path"], urlconf="plugins.host.urls")
    except Resolver404 as error:
        raise NotFound("There is no such operation in the host API.") from error
    response: Any = match.func(_BridgeRequest(request, address, caller), *match.args, **match.kwargs)
    response.render()
    # The content type and not all headers: the guest needs no more.
    return HostReply(
        request.call_id, response.status_code, {"content-type": _content_type(response)}, response.content
    )


class _BridgeRequest(HttpRequest):
    """A request that came up the socket of a worker and not over the network; it carries its Caller."""

    def __init__(self, request: HostRequest, address: "re.Match[str]", caller: Caller) -> None:
        super().__init__()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.host_caller = caller
        self.method = request.method if request.method in _METHODS else "UNKNOWN"
        self.path = self.path_info = PREFIX + address["path"]
        self.GET = QueryDict(address["query"] or "", mutable=False)
        self.content_type = headers.get("content-type", "application/json").split(";")[0].strip().lower()
        self.META = {
            "REQUEST_METHOD": self.method,
            "CONTENT_TYPE": self.content_type,
            "CONTENT_LENGTH": str(len(request.body)),
        }
        self._body = request.body
        self._stream = BytesIO(request.body)
        self._read_started = False


def _content_type(response: Any) -> str:
    return str(response.headers.get("Content-Type", ""))


def _problem_reply(request: Asked, problem: Problem) -> HostReply:
    body = json.dumps(problem.as_dict()).encode()
    return HostReply(request.call_id, problem.status, {"content-type": CONTENT_TYPE}, body)
