"""The call endpoint: a plugin's function over HTTP, its input and output as they are.

It is asked for more often than all else together, so it takes a way of its own: Django's request and
response, our authentication, the run, and nothing between them. `CallEndpoint` puts that in front of an ASGI
application; elsewhere (a WSGI server, a test client) plugins.views.CallView does the same behind the usual
middleware.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse

from accounts.authentication import authenticate
from accounts.problems import InternalError, Problem, response_for
from plugins import executions, registry
from plugins.executions import Client, Outcome
from plugins.models import Execution
from plugins.outcomes import PoolOverloaded

logger = logging.getLogger("hostbridge.calls")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ADDRESS = re.compile(r"/api/v1/plugins/(?P<slug>[-a-zA-Z0-9_]+)/call/(?P<function>[^/]+)")

_PREFER_ASYNC = re.compile(r"(^|[,\s])respond-async\b", re.IGNORECASE)  # RFC 7240


class CallEndpoint:
    """Answers calls itself and hands everything else to `app`.

    `headers`: what every response carries, for the safety of those who open it in a browser. A call has a
    thread from here to its end; when all are taken, the answer is 503 at once. A client that goes away
    changes nothing: the call runs to its end, and only then does its worker serve somebody else.
    """

    def __init__(self, app: App, *, threads: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.app = app
        self.threads = threads
        self.headers = list(headers)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="call")
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _ADDRESS.fullmatch(scope["path"]) if scope["method"] == "POST" else None
        if address is None:
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
        if self._active >= self.threads:
            return response_for(PoolOverloaded())
        self._active += 1
        running = asyncio.get_running_loop().run_in_executor(
            self._executor, _in_thread, dict(scope), body, slug, function
        )
        running.add_done_callback(self._done)  # also when this task is given up meanwhile
        return await asyncio.shield(running)

    def _done(self, _running: "asyncio.Future[HttpResponse]") -> None:
        self._active -= 1


def answer(request: HttpRequest, slug: str, function: str) -> HttpResponse:
    """The function's output, or a problem. Never raises."""
    try:
        request.get_host()  # raises for a host that is not ours
        # One byte more than any function takes: executions.run says what is too much.
        payload = request.read(settings.PLUGIN_MAX_INPUT_BYTES + 1)
        found = authenticate(request)
        client = client_of(request, found[0] if found else None)
        plugin = registry.get_plugin(slug)
        if _PREFER_ASYNC.search(request.META.get("HTTP_PREFER", "")):
            return _accepted(executions.run_later(plugin, function, payload, client))
        return call_response(executions.run(plugin, function, payload, client))
    except Problem as problem:
        return response_for(problem)
    except SuspiciousOperation:
        return response_for(Problem("The server cannot make sense of this request."))
    except Exception:
        logger.exception("A call failed")
        return response_for(InternalError())


def _accepted(execution: Execution) -> HttpResponse:
    where = f"/api/v1/executions/{execution.pk}"
    return HttpResponse(
        status=202,
        headers={"Location": where, "Execution-Id": str(execution.pk), "Preference-Applied": "respond-async"},
    )


def client_of(request: HttpRequest, user: Any) -> Client:
    return Client(user, request.META.get("HTTP_USER_AGENT", ""), request.META.get("REMOTE_ADDR") or None)


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


def _in_thread(scope: Scope, body: bytes, slug: str, function: str) -> HttpResponse:
    # Django's own signals look after the database connection of this thread.
    signals.request_started.send(sender=CallEndpoint, scope=scope)
    try:
        return answer(ASGIRequest(scope, BytesIO(body)), slug, function)
    finally:
        signals.request_finished.send(sender=CallEndpoint)


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
