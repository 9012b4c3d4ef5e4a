"""The call endpoint: a plugin's function over HTTP, its input and output as they are.

It is asked for more often than all else together, so it takes a way of its own: Django's request and
response, our authentication, the run, and nothing between them. `CallEndpoint` puts that in front of an ASGI
application; elsewhere (a WSGI server, a test client) plugins.api.calls.CallView does the same
behind the usual middleware.
"""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any, NamedTuple, Self

import msgspec
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.authentication import authenticate, client_address
from accounts.models import MAX_USER_AGENT
from core import access_version
from core.problems import InternalError, Problem, response_for
from core.threads import ReusedThreads, with_connection
from plugins.egress.loop_guard import RequestLoop, is_from_own_plugin
from plugins.executions import authorization, login_throttle, runner
from plugins.executions.authorization import Authorization, Client
from plugins.executions.authorization_cache import AuthorizationCache
from plugins.executions.runner import Call, Outcome
from plugins.history.outcomes import PoolOverloaded
from plugins.host import bridge
from plugins.models import Execution
from plugins.registry import catalogue
from plugins.runtime.job import AsyncHostHandler, WorkerError
from plugins.runtime.pool import Overloaded, Stopping
from plugins.runtime.protocol import Asked, HostReply
from plugins.runtime.service import get_pool

logger = logging.getLogger("hostbridge.calls")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ADDRESS = re.compile(r"/api/v1/plugins/(?P<slug>[-a-zA-Z0-9_]+)/call/(?P<function>[^/]+)")
# Nothing but these, and where the request came from, is there when it is decided who may call.
_DECIDING = frozenset(
    {
        b"host", b"authorization", b"cookie", b"x-csrftoken", b"origin", b"referer", b"via", b"user-agent",
        b"x-forwarded-proto", b"x-forwarded-for",
    }
)  # fmt: skip
Answered = tuple[int, Mapping[str, str], bytes]  # status, headers, body
_encode = msgspec.msgpack.Encoder().encode
_PREFER_ASYNC = re.compile(r"(^|[,\s])respond-async\b", re.IGNORECASE)  # RFC 7240

CHECKING_THREADS = 2  # enough for a database that is a network away; more only wait for each other


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
        self._checks = ReusedThreads("check", CHECKING_THREADS)
        self._host_calls = ReusedThreads("host-call")
        self._kept = AuthorizationCache()
        self._asking: dict[tuple[bytes, bytes], asyncio.Task[Authorization]] = {}
        self._on_their_way = 0

    async def warm_up(self) -> None:
        """Looks up once what the first call of each plugin needs, so that it need not wait for that.

        The plugins called last also get a worker each that has their module loaded.
        """
        pool = get_pool()
        for admission in (await self._checks.run(with_connection, authorization.warm_up))[: pool.size]:
            slug = admission.plugin.slug
            try:
                await asyncio.to_thread(pool.warm, slug, admission.job)
            except (Overloaded, Stopping, WorkerError) as error:  # its callers will be told
                logger.warning("The plugin “%s” is not loaded in advance: %r", slug, error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _ADDRESS.fullmatch(scope["path"]) if scope["method"] == "POST" else None
        # What is counted in the database goes where a thread is lent.
        if address is None or login_throttle.is_counted(address["slug"], address["function"]):
            await self.app(scope, receive, send)
            return
        body = await _read_body(receive, settings.PLUGIN_MAX_INPUT_BYTES)
        if body is None:
            return
        status, headers, content = await self._answer(scope, body, address["slug"], address["function"])
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": raw + self.headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, body: bytes, slug: str, function: str) -> Answered:
        if self._on_their_way >= self.most:
            get_pool().note_refused()
            return _as_answered(response_for(PoolOverloaded()))
        self._on_their_way += 1
        try:
            admission = await self._admission(scope, slug, function)
            if _wants_no_wait(scope):
                execution = await self._checks.run(with_connection, runner.run_later, admission, body)
                return 202, _accepted_headers(execution), b""
            call = runner.begin(admission, body)
            outcome = await runner.run_async(call, self._handler_for(call))
            if outcome.problem is None:
                return 200, _headers(outcome), outcome.output
            return _as_answered(call_response(outcome))
        except Exception as error:
            return _as_answered(_problem_response(error))
        finally:
            self._on_their_way -= 1

    async def _admission(self, scope: Scope, slug: str, function: str) -> Authorization:
        """By what is kept, or by what the database says. Raises what `admit` raises."""
        head = Head.of(scope)
        key = sha256(_encode(head)).digest()
        admission = self._kept.get(key)
        if admission is not None:
            return admission
        # One look-up for all who wait for the same: what is kept ends for all of them at once. Not one that
        # was begun before something changed.
        place = key, access_version.current()
        asking = self._asking.get(place)
        if asking is None:
            asking = asyncio.create_task(self._look_up(head, place, slug, function))
            self._asking[place] = asking
            asking.add_done_callback(lambda _: self._asking.pop(place))
        return await asyncio.shield(asking)

    async def _look_up(
        self, head: "Head", place: tuple[bytes, bytes], slug: str, function: str
    ) -> Authorization:
        key, mark = place
        request = ASGIRequest(head.as_scope(), BytesIO())
        found, seconds = await self._checks.run(with_connection, authorize_request, request, slug, function)
        self._kept.keep(key, found, mark=mark, seconds=seconds)
        return found

    def _handler_for(self, call: Call) -> AsyncHostHandler:
        async def handle(asked: Asked, deadline: float) -> HostReply:
            return await self._host_calls.run(with_connection, bridge.handle, asked, call.caller, deadline)

        return handle


def answer(request: HttpRequest, slug: str, function: str) -> HttpResponse:
    """The function's output, or a problem. Never raises."""
    try:
        admission, _ = authorize_request(request, slug, function)
        # One byte more than any function takes: executions.begin says what is too much.
        payload = request.read(settings.PLUGIN_MAX_INPUT_BYTES + 1)
        if _PREFER_ASYNC.search(request.META.get("HTTP_PREFER", "")):
            return HttpResponse(status=202, headers=_accepted_headers(runner.run_later(admission, payload)))
        return call_response(runner.run(admission, payload))
    except Exception as error:
        return _problem_response(error)


def authorize_request(request: HttpRequest, slug: str, function: str) -> tuple[Authorization, float]:
    """The admission, and how many seconds it lasts for what is known now.

    Raises RequestLoop, SuspiciousOperation, and what `authenticate` and `admissions.admit` raise.
    """
    request.get_host()  # raises for a host that is not ours
    if is_from_own_plugin(request):
        raise RequestLoop
    user, credential = authenticate(request) or (None, None)
    admission = authorization.authorize(catalogue.get_plugin(slug), function, client_of(request, user))
    lasts = (credential.expires_at - timezone.now()).total_seconds() if credential else math.inf
    return admission, lasts


class Head(NamedTuple):
    """All of the request that decides who may call what: where it came from, and some headers.

    Whatever is left out cannot matter to who may call, for it is not there when that is decided.
    """

    path: str
    scheme: str
    server: tuple[str, int] | None
    client: str | None
    headers: list[tuple[bytes, bytes]]

    @classmethod
    def of(cls, scope: Scope) -> Self:
        client = scope.get("client")
        headers = [pair for pair in scope["headers"] if pair[0] in _DECIDING]
        return cls(
            scope["path"], scope["scheme"], scope.get("server"), client[0] if client else None, headers
        )

    def as_scope(self) -> Scope:
        client = (self.client, 0) if self.client else None
        rest = {"type": "http", "method": "POST", "query_string": b"", "client": client}
        return self._asdict() | rest


def _problem_response(error: Exception) -> HttpResponse:
    if isinstance(error, Problem):
        return response_for(error)
    if isinstance(error, SuspiciousOperation):
        return response_for(Problem("The server cannot make sense of this request."))
    logger.error("A call failed", exc_info=error)
    return response_for(InternalError())


def _wants_no_wait(scope: Scope) -> bool:
    asked = [value for name, value in scope["headers"] if name == b"prefer"]
    return any(_PREFER_ASYNC.search(value.decode("latin-1")) for value in asked)


def _accepted_headers(execution: Execution) -> dict[str, str]:
    return {
        "Location": f"/api/v1/executions/{execution.pk}",
        "Execution-Id": str(execution.pk),
        "Preference-Applied": "respond-async",
    }


def client_of(request: HttpRequest, user: Any) -> Client:
    return Client(user, request.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT], client_address(request))


def call_response(outcome: Outcome) -> HttpResponse:
    """The outcome over HTTP."""
    if outcome.problem is None:
        return HttpResponse(outcome.output, headers=_headers(outcome))
    outcome.problem.members["execution"] = str(outcome.execution.pk)
    response: HttpResponse = response_for(outcome.problem)
    for name, value in _record_headers(outcome.execution).items():
        response[name] = value
    return response


def _headers(outcome: Outcome) -> dict[str, str]:
    """Output of a plugin is never a page: nothing in it runs or loads."""
    typed = outcome.function.output_schema is not None
    kind = "application/json" if typed else "application/octet-stream"
    return {"Content-Type": kind} | _record_headers(outcome.execution)


def _record_headers(execution: Execution) -> dict[str, str]:
    return {
        "Execution-Id": str(execution.pk),
        "Server-Timing": server_timing(execution),
        "Cache-Control": "no-store",
    }


def _as_answered(response: HttpResponse) -> Answered:
    return response.status_code, dict(response.items()), response.content


def server_timing(execution: Execution) -> str:
    """https://www.w3.org/TR/server-timing/, milliseconds."""
    return (
        f"queue;dur={execution.queue_ms or 0:.3f}, start;dur={execution.start_ms or 0:.3f}, "
        f"run;dur={execution.run_ms or 0:.3f}, host;dur={execution.host_ms or 0:.3f}"
    )


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
