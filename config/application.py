"""HTTP to Django, WebSocket to Channels; workers, events and audit log start and end with the server."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, cast

from asgiref.sync import sync_to_async
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings

from accounts.events import Outbox
from accounts.problems import CONTENT_TYPE, PayloadTooLarge, response_for
from config.handler import Receive, Scope, Send, ThreadPerRequestHandler
from plugins import audit
from plugins.routing import websocket_urlpatterns
from plugins.runtime.service import close_pool

App = Callable[[Scope, Receive, Send], Awaitable[None]]


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
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > max_bytes:
            await self._refuse(send, max_bytes)
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


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    outbox = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            outbox = Outbox()
            await send({"type": "lifespan.startup.complete"})
        else:
            await sync_to_async(close_pool)()
            await sync_to_async(audit.flush)()
            if outbox is not None:
                await outbox.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


application = ProtocolTypeRouter(
    {
        "http": BodyLimit(
            cast(App, ThreadPerRequestHandler()), settings.MAX_REQUEST_BYTES, settings.LARGER_REQUEST_BYTES
        ),
        "websocket": URLRouter(websocket_urlpatterns),
        "lifespan": lifespan,
    }
)
