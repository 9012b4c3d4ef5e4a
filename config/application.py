"""The ASGI application: HTTP goes to Django, WebSocket to Channels.

Workers, the live feed and the journal start and stop with the server.
"""

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
from config import heap
from config.body_limits import BodyLimit
from config.django_handler import ThreadPerRequestHandler
from core.feed import Feed
from plugins.api.websocket import websocket_urlpatterns
from plugins.executions import browser_runs, remote_cancel, runner
from plugins.executions.call_endpoint import App, CallEndpoint, Receive, Scope, Send
from plugins.history import retention, server_processes
from plugins.history.journal import get_journal
from plugins.runtime.current_engine import start_engine, stop_engine

logger = logging.getLogger("hostbridge.server")

CLEANUP_INTERVAL_SECONDS = 60
TRIM_INTERVAL_SECONDS = 10
CLEANUP_TASKS = (
    server_processes.mark_orphans,
    browser_runs.expire,
    rate_limits.delete_expired,
    sessions.cleanup_expired_sessions,
    single_use_tokens.cleanup_expired_tokens,
    retention.delete_old_executions,
)
MAX_CALLS = settings.PLUGIN_WORKERS + settings.PLUGIN_QUEUE
OTHER_REQUEST_THREADS = 16


def security_headers() -> list[tuple[bytes, bytes]]:
    """The headers that the security middleware adds to every response."""
    request = HttpRequest()
    request.META = {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    middleware = SecurityMiddleware(CSPMiddleware(XFrameOptionsMiddleware(lambda _: HttpResponse())))
    headers = dict(cast(HttpResponse, middleware(request)).items())
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
                from plugins.api.metrics import get_metrics  # noqa: PLC0415 - loads a library that few servers need

                get_metrics()
            gc.collect()
            gc.freeze()  # these objects stay; collecting them again and again would delay calls
            work = (calls.warm_up(), _clean_up_forever(), _trim_heap_forever(), remote_cancel.poll_forever())
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


async def _clean_up_forever() -> None:
    """Removes expired rows, and ends runs left behind by killed server processes and closed pages."""
    while True:
        await asyncio.sleep(CLEANUP_INTERVAL_SECONDS)
        for clean_up in CLEANUP_TASKS:
            try:
                await database_sync_to_async(clean_up)()
            except (DatabaseError, OSError):
                logger.exception("A clean-up task failed; it runs again in %s s", CLEANUP_INTERVAL_SECONDS)


async def _trim_heap_forever() -> None:
    while True:
        await asyncio.sleep(TRIM_INTERVAL_SECONDS)
        await asyncio.to_thread(heap.trim_heap)


calls = CallEndpoint(
    # Log-ins wait for workers in these threads, so other requests have threads to spare.
    cast(App, ThreadPerRequestHandler(MAX_CALLS + OTHER_REQUEST_THREADS)),
    limit=MAX_CALLS,
    headers=security_headers(),
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
