"""Limits on request bodies, enforced while they arrive."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from core.problems import PayloadTooLarge, Problem, response_for
from plugins.executions.call_endpoint import App, Receive, Scope, Send
from plugins.history.outcomes import PoolOverloaded


class BodyLimit:
    """Refuses a body as soon as it exceeds `max_bytes`. Django would first write all of it to disk.

    `path_max_bytes` overrides the limit for some paths. `max_held_bytes` limits the bodies of all requests in
    progress together. The first SMALL_BODY_BYTES of each do not count, so that large uploads cannot keep
    others from logging in.
    """

    SMALL_BODY_BYTES = 64 << 10

    def __init__(
        self, app: App, max_bytes: int, path_max_bytes: Mapping[str, int], max_held_bytes: int
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.path_max_bytes = path_max_bytes
        self.max_held_bytes = max_held_bytes
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        max_bytes = self.path_max_bytes.get(scope["path"], self.max_bytes)
        content_length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if content_length.isdigit() and int(content_length) > max_bytes:
            await _refuse(send, _too_large(max_bytes))
            return
        if content_length.isdigit() and int(content_length) <= self.SMALL_BODY_BYTES:
            await self.app(scope, receive, send)  # the server reads no more than that (RFC 9112, 6.3)
            return
        received = held = 0
        refused = False

        async def receive_within_limits() -> MutableMapping[str, Any]:
            nonlocal received, held, refused
            message = await receive()
            received += len(message.get("body", b""))
            to_hold = max(received - self.SMALL_BODY_BYTES, 0) - held
            full = to_hold > 0 and self._held + to_hold > self.max_held_bytes
            if received <= max_bytes and not full:
                held, self._held = held + to_hold, self._held + to_hold
                return message
            if not refused:
                refused = True
                await _refuse(send, _too_large(max_bytes) if received > max_bytes else PoolOverloaded())
            return {"type": "http.disconnect"}

        async def send_unless_refused(message: Mapping[str, Any]) -> None:
            if not refused:
                await send(message)

        try:
            await self.app(scope, receive_within_limits, send_unless_refused)
        finally:
            self._held -= held


def _too_large(max_bytes: int) -> Problem:
    return PayloadTooLarge(f"The body may have at most {max_bytes} bytes.")


async def _refuse(send: Send, problem: Problem) -> None:
    response = response_for(problem)
    headers = {**response.headers, "Content-Length": str(len(response.content)), "Connection": "close"}
    start = {"type": "http.response.start", "status": response.status_code}
    await send(
        start | {"headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()]}
    )
    await send({"type": "http.response.body", "body": response.content})
