"""Bounds on request bodies, before anything reads them."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from core.problems import PayloadTooLarge, Problem, response_for
from plugins.executions.call_endpoint import App, Receive, Scope, Send
from plugins.history.outcomes import PoolOverloaded


class BodyLimit:
    """Refuses bodies over `max_bytes` while they arrive: Django would first write them to disk whole.

    `larger` has bounds of their own for some paths. `max_held_bytes` is for all requests that are on their
    way together, but for the first SMALL_BODY_BYTES of each: whoever fills it keeps nobody from logging in.
    """

    SMALL_BODY_BYTES = 64 << 10

    def __init__(self, app: App, max_bytes: int, larger: Mapping[str, int], max_held_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger
        self.max_held_bytes = max_held_bytes
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        max_bytes = self.larger.get(scope["path"], self.max_bytes)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if announced.isdigit() and int(announced) > max_bytes:
            await _refuse(send, _too_large(max_bytes))
            return
        if announced.isdigit() and int(announced) <= self.SMALL_BODY_BYTES:
            await self.app(scope, receive, send)  # the server lets no more through (RFC 9112, 6.3)
            return
        seen = held = 0
        refused = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen, held, refused
            message = await receive()
            seen += len(message.get("body", b""))
            more = max(seen - self.SMALL_BODY_BYTES, 0) - held
            full = more > 0 and self._held + more > self.max_held_bytes
            if seen <= max_bytes and not full:
                held, self._held = held + more, self._held + more
                return message
            if not refused:
                refused = True
                await _refuse(send, _too_large(max_bytes) if seen > max_bytes else PoolOverloaded())
            return {"type": "http.disconnect"}

        async def unless_refused(message: Mapping[str, Any]) -> None:
            if not refused:
                await send(message)

        try:
            await self.app(scope, counted, unless_refused)
        finally:
            self._held -= held


def _too_large(max_bytes: int) -> Problem:
    return PayloadTooLarge(f"This request may have at most {max_bytes} bytes.")


async def _refuse(send: Send, problem: Problem) -> None:
    response = response_for(problem)
    headers = {**response.headers, "Content-Length": str(len(response.content)), "Connection": "close"}
    start = {"type": "http.response.start", "status": response.status_code}
    await send(
        start | {"headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()]}
    )
    await send({"type": "http.response.body", "body": response.content})
