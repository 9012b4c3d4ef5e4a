"""HTTP connections: uvicorn's, with bounds on what comes before and after a request's body.

uvicorn and its parser have none: one header without an end fills the memory, and a connection on which none
ever ends stays open.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.problems import CONTENT_TYPE, Problem, response_for

MAX_HEAD_BYTES = 64 << 10  # of the request line with all headers; browsers and proxies send 16 KiB at most
HEAD_SECONDS = 30


class HeadTooLarge(Problem):
    status = 431
    code = "headers-too-large"
    title = "The address and headers of the request are too large"
    default_detail = f"Together they may have at most {MAX_HEAD_BYTES} bytes."


class BoundedConnection(HttpToolsProtocol):
    """Refuses a head that is too large or does not come, and leaves trailers out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bytes_without_end = 0  # since the last thing that was whole: a head, a piece of a body, a body
        self._came_to_an_end = False
        self._head_is_whole = False
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._came_to_an_end = False
        super().data_received(data)
        if self._came_to_an_end or self.transport.is_closing():
            self._bytes_without_end = 0
            return
        self._bytes_without_end += len(data)
        if self._bytes_without_end > MAX_HEAD_BYTES:
            self._refuse()
        elif not self._head_is_whole:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        self._head_is_whole = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._came_to_an_end = self._head_is_whole = True
        self._wait_no_more()
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            # A trailer comes after it was decided by the headers who asks; merged into them, it would be
            # believed like what a proxy in front has set (RFC 9110, 6.5.1). So it goes to a list of its own.
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._came_to_an_end = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._came_to_an_end = True
        super().on_message_complete()

    def _wait_for_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self) -> None:
        if not self._head_is_whole and (self.cycle is None or self.cycle.response_complete):
            body = response_for(HeadTooLarge()).content
            head = (
                "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
                f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
