"""The call endpoint: runs a plugin's function over HTTP, with its input and output as raw bodies.

It gets more requests than all other endpoints together, so it takes a shortcut: it authorizes and runs calls
on the event loop, without Django's handler and middleware. `CallEndpoint` wraps an ASGI application. Behind
Django's middleware (in a test client), plugins.api.call_view.CallView does the same.
"""

import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.authentication import authenticate, client_address
from accounts.models import MAX_USER_AGENT
from core.problems import response_for
from core.threads import ReusedThreads, with_connection
from plugins.egress.loop_guard import RequestLoop, is_from_own_plugin
from plugins.executions import authorization, runner
from plugins.executions.authorization import Authorization, Client
from plugins.executions.authorization_cache import AuthorizationCache, RequestHead
from plugins.executions.call_response import (
    accepted_headers,
    error_response,
    outcome_response,
    output_headers,
)
from plugins.history.outcomes import PoolOverloaded
from plugins.registry import catalogue
from plugins.runtime.current_engine import get_engine, get_pool

logger = logging.getLogger("hostbridge.calls")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawResponse = tuple[int, Mapping[str, str], bytes]  # status, headers, body

_PATH = re.compile(r"/api/v1/plugins/(?P<slug>[-a-zA-Z0-9_]+)/call/(?P<function>[^/]+)")
_PREFER_ASYNC = re.compile(r"(^|[,\s])respond-async\b", re.IGNORECASE)  # RFC 7240
AUTHORIZATION_THREADS = 2  # enough for a database on another machine; more would only wait for each other


class CallEndpoint:
    """Handles calls itself and passes every other request to `app`. For use on the engine's event loop.

    Every response gets `headers`, which protect browsers. Work that waits for the database runs in threads:
    authorization and the guest's host calls. With `limit` calls in flight, further ones get 503 at once. If
    a client disconnects, its call still runs to its end, and only then does the worker serve another.
    """

    def __init__(self, app: App, *, limit: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.app = app
        self.limit = limit
        self.headers = list(headers)
        self._threads = ReusedThreads("authorize", AUTHORIZATION_THREADS)
        self._authorizations = AuthorizationCache(self._look_up)
        self._in_flight = 0

    async def warm_up(self) -> None:
        """Fills the caches, so that the first call of each plugin does not wait for them.

        The most recently called plugins also get a worker each, with their module loaded.
        """
        pool = get_pool()
        authorizations = await self._threads.run(with_connection, authorization.for_warm_up)
        for each in authorizations[: pool.size]:
            try:
                await pool.warm(each.plugin.slug, each.job)
            except Exception as error:  # its callers will get a problem
                logger.warning("The plugin “%s” was not loaded in advance: %r", each.plugin.slug, error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST" or not _PATH.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        payload = await _read_body(receive, settings.PLUGIN_MAX_INPUT_BYTES)
        if payload is None:
            return
        status, headers, content = await self._respond(scope, payload)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": raw + self.headers})
        await send({"type": "http.response.body", "body": content})

    async def _respond(self, scope: Scope, payload: bytes) -> RawResponse:
        if self._in_flight >= self.limit:
            get_pool().count_refusal()
            return _raw(response_for(PoolOverloaded()))
        self._in_flight += 1
        try:
            authorized = await self._authorizations.get(RequestHead.of(scope))
            if _prefers_async(scope):
                return 202, accepted_headers(await runner.start(authorized, payload)), b""
            outcome = await runner.run(authorized, payload, get_engine().offload)
            if outcome.problem is None:
                return 200, output_headers(outcome), outcome.output
            return _raw(outcome_response(outcome))
        except Exception as error:
            return _raw(error_response(error))
        finally:
            self._in_flight -= 1

    async def _look_up(self, head: RequestHead) -> tuple[Authorization, float]:
        path = _PATH.fullmatch(head.path)
        assert path is not None  # noqa: S101 - __call__ has checked it
        request = ASGIRequest(head.as_scope(), BytesIO())
        return await self._threads.run(
            with_connection, authorize_request, request, path["slug"], path["function"]
        )


def respond(request: HttpRequest, slug: str, function: str) -> HttpResponse:
    """The response to a call. For any thread except the engine's. Never raises."""
    try:
        authorized, _ = authorize_request(request, slug, function)
        # At most one byte more than any function accepts, so that runner.begin refuses a larger body.
        payload = request.read(settings.PLUGIN_MAX_INPUT_BYTES + 1)
        if _PREFER_ASYNC.search(request.META.get("HTTP_PREFER", "")):
            return HttpResponse(
                status=202, headers=accepted_headers(runner.start_and_wait(authorized, payload))
            )
        return outcome_response(runner.run_and_wait(authorized, payload))
    except Exception as error:
        return error_response(error)


def authorize_request(request: HttpRequest, slug: str, function: str) -> tuple[Authorization, float]:
    """The authorization, and for how many seconds the credential is still valid.

    Raises RequestLoop, SuspiciousOperation, and what `authenticate` and `authorization.authorize` raise.
    """
    request.get_host()  # raises if ALLOWED_HOSTS does not contain it
    if is_from_own_plugin(request):
        raise RequestLoop
    user, credential = authenticate(request) or (None, None)
    authorized = authorization.authorize(catalogue.get_plugin(slug), function, client_of(request, user))
    seconds = (credential.expires_at - timezone.now()).total_seconds() if credential else math.inf
    return authorized, seconds


def client_of(request: HttpRequest, user: Any) -> Client:
    return Client(user, request.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT], client_address(request))


def _prefers_async(scope: Scope) -> bool:
    values = [value for name, value in scope["headers"] if name == b"prefer"]
    return any(_PREFER_ASYNC.search(value.decode("latin-1")) for value in values)


def _raw(response: HttpResponse) -> RawResponse:
    return response.status_code, dict(response.items()), response.content


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """The body, cut off one byte after `limit`; None if the client disconnected before it was complete."""
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
