"""HTTP to Django, WebSocket to Channels; workers, events and audit log start and end with the server."""

import asyncio
import gc
import logging
from typing import cast

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.routing import ProtocolTypeRouter, URLRouter
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from accounts import rate_limits, sessions, single_use_tokens
from config import memory
from config.body_limits import BodyLimit
from config.handler import ThreadPerRequestHandler
from core.feed import Feed
from plugins.api.live_events import websocket_urlpatterns
from plugins.executions import browser_runs, remote_cancel, runner
from plugins.executions.call_endpoint import App, CallEndpoint, Receive, Scope, Send
from plugins.history import retention, server_processes
from plugins.history.journal import get_journal
from plugins.runtime.service import start_engine, stop_engine

logger = logging.getLogger("hostbridge.server")

TIDY_EVERY_SECONDS = 60
GIVE_BACK_EVERY_SECONDS = 10
TIDY = (
    server_processes.mark_orphans,
    browser_runs.expire,
    rate_limits.forget_old,
    sessions.cleanup_expired_sessions,
    single_use_tokens.cleanup_expired_tokens,
    retention.delete_old_executions,
)
MOST_CALLS = settings.PLUGIN_WORKERS + settings.PLUGIN_QUEUE
OTHER_REQUESTS = 16


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
            start_engine()
            await sync_to_async(server_processes.mark_orphans)()
            feed = Feed()
            if settings.METRICS_TOKEN:
                from plugins.api.metrics import get_metrics  # noqa: PLC0415 - it loads a library that few servers need

                get_metrics()
            gc.collect()
            gc.freeze()  # what is there now stays: to look through it again and again delays calls
            work = (calls.warm_up(), _tidy_for_ever(), _give_back_for_ever(), remote_cancel.look_for_ever())
            tasks = [asyncio.create_task(each) for each in work]
            await send({"type": "lifespan.startup.complete"})
        else:
            for task in tasks:
                task.cancel()
            await stop_engine()
            await runner.wait_for_background()
            await sync_to_async(get_journal().flush)()
            if feed is not None:
                await feed.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _tidy_for_ever() -> None:
    """Other server processes may be killed while this one lives, pages closed that ran something."""
    while True:
        await asyncio.sleep(TIDY_EVERY_SECONDS)
        for tidy in TIDY:
            try:
                await database_sync_to_async(tidy)()
            except (DatabaseError, OSError):
                logger.exception("What others left behind could not be tidied up")


async def _give_back_for_ever() -> None:
    while True:
        await asyncio.sleep(GIVE_BACK_EVERY_SECONDS)
        await asyncio.to_thread(memory.give_back)


calls = CallEndpoint(
    # Log-ins wait for workers in these threads; so many others always get one.
    cast(App, ThreadPerRequestHandler(MOST_CALLS + OTHER_REQUESTS)),
    limit=MOST_CALLS,
    headers=safety_headers(),
)
application = ProtocolTypeRouter(
    {
        "http": BodyLimit(
            calls,
            settings.MAX_REQUEST_BYTES,
            settings.LARGER_REQUEST_BYTES,
            settings.MAX_HELD_REQUEST_BYTES,
        ),
        "websocket": URLRouter(websocket_urlpatterns),
        "lifespan": lifespan,
    }
)
