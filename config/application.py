"""HTTP to Django, WebSocket to Channels; workers, events and audit log start and end with the server."""

import asyncio
import gc
import logging
from collections.abc import Mapping, MutableMapping
from typing import Any, cast

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.routing import ProtocolTypeRouter, URLRouter
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from accounts import attempts
from accounts.feed import Feed
from accounts.problems import CONTENT_TYPE, PayloadTooLarge, response_for
from config.handler import ThreadPerRequestHandler
from plugins import browser_runs, controls, executions, instances, journal
from plugins.calls import App, CallEndpoint, Receive, Scope, Send
from plugins.routing import websocket_urlpatterns
from plugins.runtime.service import close_pool, get_pool

logger = logging.getLogger("hostbridge.server")

TIDY_EVERY_SECONDS = 60


class BodyLimit:
    """Refuses bodies over `max_bytes` while they arrive: Django would first write them to disk whole.

    `larger` has bounds of their own for some paths.
    """

    def __init__(self, app: App, max_bytes: int, larger: Mapping[str, int]) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        max_bytes = self.larger.get(scope["path"], self.max_bytes)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if announced.isdigit():
            if int(announced) > max_bytes:
                await self._refuse(send, max_bytes)
            else:  # the server lets no more through than was announced (RFC 9112, 6.3)
                await self.app(scope, receive, send)
            return
        seen = 0
        refused = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen, refused
            message = await receive()
            seen += len(message.get("body", b""))
            if seen <= max_bytes:
                return message
            if not refused:
                refused = True
                await self._refuse(send, max_bytes)
            return {"type": "http.disconnect"}

        async def unless_refused(message: Mapping[str, Any]) -> None:
            if not refused:
                await send(message)

        await self.app(scope, counted, unless_refused)

    async def _refuse(self, send: Send, max_bytes: int) -> None:
        body = response_for(PayloadTooLarge(f"This request may have at most {max_bytes} bytes.")).content
        headers = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def safety_headers() -> list[tuple[bytes, bytes]]:
    """What the middleware adds to every response for its safety in a browser, asked of that middleware."""
    request = HttpRequest()
    request.META = {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    ask = SecurityMiddleware(CSPMiddleware(XFrameOptionsMiddleware(lambda _: HttpResponse())))
    headers = dict(cast(HttpResponse, ask(request)).items())
    del headers["Content-Type"]
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    feed = None
    tasks: list[asyncio.Task[None]] = []
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            get_pool()  # workers start now, not when the first caller waits for them
            await sync_to_async(instances.mark_orphans)()
            feed = Feed()
            gc.collect()
            gc.freeze()  # what is there now stays: to look through it again and again delays calls
            tasks = [asyncio.create_task(_tidy_for_ever()), asyncio.create_task(controls.look_for_ever())]
            await send({"type": "lifespan.startup.complete"})
        else:
            for task in tasks:
                task.cancel()
            await sync_to_async(close_pool)()
            await sync_to_async(executions.wait_for_the_last)()
            await sync_to_async(journal.flush)()
            if feed is not None:
                await feed.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _tidy_for_ever() -> None:
    """Other server processes may be killed while this one lives, pages closed that ran something."""
    while True:
        await asyncio.sleep(TIDY_EVERY_SECONDS)
        for tidy in (instances.mark_orphans, browser_runs.expire, attempts.forget_old):
            try:
                await database_sync_to_async(tidy)()
            except (DatabaseError, OSError):
                logger.exception("What others left behind could not be tidied up")


application = ProtocolTypeRouter(
    {
        "http": BodyLimit(
            CallEndpoint(
                cast(App, ThreadPerRequestHandler()),
                most=settings.PLUGIN_WORKERS + settings.PLUGIN_QUEUE,
                headers=safety_headers(),
            ),
            settings.MAX_REQUEST_BYTES,
            settings.LARGER_REQUEST_BYTES,
        ),
        "websocket": URLRouter(websocket_urlpatterns),
        "lifespan": lifespan,
    }
)
