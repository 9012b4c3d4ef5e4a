"""The call endpoint: a plugin's function over HTTP, its input and output as they are.

It is asked for more often than all else together, so it takes a way of its own: Django's request and
response, our authentication, the run, and nothing between them. `CallEndpoint` puts that in front of an ASGI
application; elsewhere (a WSGI server, a test client) plugins.views.CallView does the same behind the usual
middleware.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse

from accounts.authentication import authenticate, client_address
from accounts.problems import InternalError, Problem, response_for
from accounts.threads import WarmThreads
from plugins import executions, sign_in
from plugins.executions import Call, Client, Outcome
from plugins.kept import Kept, Lookups, NotKept, Remembering
from plugins.middleware import is_from_own_plugin
from plugins.models import Execution, Plugin
from plugins.outcomes import PoolOverloaded
from plugins.runtime import bridge
from plugins.runtime.egress import RequestLoop
from plugins.runtime.process import AsyncHostHandler
from plugins.runtime.protocol import Asked, HostReply

logger = logging.getLogger("hostbridge.calls")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ADDRESS = re.compile(r"/api/v1/plugins/(?P<slug>[-a-zA-Z0-9_]+)/call/(?P<function>[^/]+)")

CHECKING_THREADS = 2  # enough for a database that is a network away; more only wait for each other
_PREFER_ASYNC = re.compile(r"(^|[,\s])respond-async\b", re.IGNORECASE)  # RFC 7240


class CallEndpoint:
    """Answers calls itself and hands everything else to `app`.

    `headers`: what every response carries, for the safety of those who open it in a browser. Threads are for
    what waits for the database, before a call and for what the guest asks of the host; the call itself is
    waited for on the event loop. With more than `most` on their way the answer is 503 at once. A client that
    goes away changes nothing: its call runs to its end, and only then does its worker serve somebody else.
    """

    def __init__(self, app: App, *, most: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.app = app
        self.most = most
        self.headers = list(headers)
        self._checks = WarmThreads("check", CHECKING_THREADS)
        self._host_calls = WarmThreads("host-call")
        self._kept = Kept()
        self._on_their_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _ADDRESS.fullmatch(scope["path"]) if scope["method"] == "POST" else None
        # What is counted in the database goes where a thread is lent.
        if address is None or sign_in.is_counted(address["slug"], address["function"]):
            await self.app(scope, receive, send)
            return
        body = await _read_body(receive, settings.PLUGIN_MAX_INPUT_BYTES)
        if body is None:
            return
        response = await self._answer(scope, body, address["slug"], address["function"])
        start = {"type": "http.response.start", "status": response.status_code}
        headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
        headers.append((b"content-length", b"%d" % len(response.content)))
        await send(start | {"headers": headers + self.headers})
        await send({"type": "http.response.body", "body": response.content})

    async def _answer(self, scope: Scope, body: bytes, slug: str, function: str) -> HttpResponse:
        if self._on_their_way >= self.most:
            return response_for(PoolOverloaded())
        self._on_their_way += 1
        try:
            request = ASGIRequest(scope, BytesIO(body))
            if _wants_no_wait(request):
                return await self._checks.run(answer, request, slug, function)
            call = await self._checked(request, slug, function)
            return call_response(await executions.run_async(call, self._handler_for(call)))
        except Exception as error:
            return _problem_response(error)
        finally:
            self._on_their_way -= 1

    async def _checked(self, request: HttpRequest, slug: str, function: str) -> Call:
        """The call, if it may be made: by what is kept, or by what the database says. Raises Problems."""
        try:
            return _check(request, slug, function, self._kept)
        except NotKept:
            remembering = Remembering()
            call = await self._checks.run(_check, request, slug, function, remembering)
            self._kept.keep(remembering)
            return call

    def _handler_for(self, call: Call) -> AsyncHostHandler:
        async def handle(asked: Asked, deadline: float) -> HostReply:
            return await self._host_calls.run(bridge.handle, asked, call.caller, deadline)

        return handle


def answer(request: HttpRequest, slug: str, function: str) -> HttpResponse:
    """The function's output, or a problem. Never raises."""
    try:
        plugin, payload, client = _read(request, slug, Lookups())
        if _wants_no_wait(request):
            return _accepted(executions.run_later(plugin, function, payload, client))
        return call_response(executions.run(plugin, function, payload, client))
    except Exception as error:
        return _problem_response(error)


def _check(request: HttpRequest, slug: str, function: str, lookups: Lookups) -> Call:
    """Raises Problems, SuspiciousOperation, and NotKept from the lookups."""
    plugin, payload, client = _read(request, slug, lookups)
    return executions.check(plugin, function, payload, client)


def _read(request: HttpRequest, slug: str, lookups: Lookups) -> tuple[Plugin, bytes, Client]:
    request.get_host()  # raises for a host that is not ours
    if is_from_own_plugin(request):
        raise RequestLoop
    found = authenticate(request, lookups.session, lookups.api_token)
    plugin = lookups.plugin(slug)
    # One byte more than any function takes: executions.check says what is too much. Last: it is read once.
    payload = request.read(settings.PLUGIN_MAX_INPUT_BYTES + 1)
    return plugin, payload, client_of(request, found[0] if found else None)


def _problem_response(error: Exception) -> HttpResponse:
    if isinstance(error, Problem):
        return response_for(error)
    if isinstance(error, SuspiciousOperation):
        return response_for(Problem("The server cannot make sense of this request."))
    logger.error("A call failed", exc_info=error)
    return response_for(InternalError())


def _wants_no_wait(request: HttpRequest) -> bool:
    return _PREFER_ASYNC.search(request.META.get("HTTP_PREFER", "")) is not None


def _accepted(execution: Execution) -> HttpResponse:
    where = f"/api/v1/executions/{execution.pk}"
    return HttpResponse(
        status=202,
        headers={"Location": where, "Execution-Id": str(execution.pk), "Preference-Applied": "respond-async"},
    )


def client_of(request: HttpRequest, user: Any) -> Client:
    return Client(user, request.META.get("HTTP_USER_AGENT", ""), client_address(request))


def call_response(outcome: Outcome) -> HttpResponse:
    """The outcome over HTTP. Output of a plugin is never a page: nothing in it runs or loads."""
    if outcome.problem is not None:
        outcome.problem.members["execution"] = str(outcome.execution.pk)
        response: HttpResponse = response_for(outcome.problem)
    else:
        kind = (
            "application/json" if outcome.function.output_schema is not None else "application/octet-stream"
        )
        response = HttpResponse(outcome.output, content_type=kind)
    response["Execution-Id"] = str(outcome.execution.pk)
    response["Server-Timing"] = server_timing(outcome.execution)
    response["Cache-Control"] = "no-store"
    return response


def server_timing(execution: Execution) -> str:
    """https://www.w3.org/TR/server-timing/, milliseconds."""
    parts = {
        "queue": execution.queue_ms,
        "start": execution.start_ms,
        "run": execution.run_ms,
        "host": execution.host_ms,
    }
    return ", ".join(f"{name};dur={ms or 0:.3f}" for name, ms in parts.items())


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """The body, cut off one byte after `limit`; None if the client went away before it was all there."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")[: limit + 1 - len(body)]
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()
    return None
