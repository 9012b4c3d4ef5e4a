"""uvicorn's HTTP connections, with limits on headers and trailers.

uvicorn and its parser set none: an endless header would fill the memory, and a connection that never
completes a header would stay open for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.problems import CONTENT_TYPE, Problem, response_for

MAX_HEAD_BYTES = 64 << 10  # request line and headers together; browsers and proxies send at most 16 KiB
HEAD_TIMEOUT_SECONDS = 30


class HeadTooLarge(Problem):
    status = 431
    code = "headers-too-large"
    title = "The request headers are too large"
    default_detail = f"The request line and the headers may have at most {MAX_HEAD_BYTES} bytes together."


class BoundedConnection(HttpToolsProtocol):
    """Refuses a head (request line and headers) that is too large or too slow, and ignores trailers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unparsed_bytes = 0  # since the parser last completed a head, a piece of a body or a body
        self._parsed_something = False
        self._head_complete = False
        self._head_timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_head_timeout()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._parsed_something = False
        super().data_received(data)
        if self._parsed_something or self.transport.is_closing():
            self._unparsed_bytes = 0
            return
        self._unparsed_bytes += len(data)
        if self._unparsed_bytes > MAX_HEAD_BYTES:
            self._refuse()
        elif not self._head_complete:
            self._start_head_timeout()

    def on_message_begin(self) -> None:
        self._head_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._parsed_something = self._head_complete = True
        self._cancel_head_timeout()
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            # Trailers arrive after the headers have decided who the caller is. Merged into the headers, they
            # would be trusted like those a proxy sets (RFC 9110, 6.5.1), so they go into a separate list.
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._parsed_something = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._parsed_something = True
        super().on_message_complete()

    def _start_head_timeout(self) -> None:
        if self._head_timeout is None:
            self._head_timeout = self.loop.call_later(HEAD_TIMEOUT_SECONDS, self.transport.close)

    def _cancel_head_timeout(self) -> None:
        if self._head_timeout is not None:
            self._head_timeout.cancel()
            self._head_timeout = None

    def _refuse(self) -> None:
        if not self._head_complete and (self.cycle is None or self.cycle.response_complete):
            body = response_for(HeadTooLarge()).content
            head = (
                "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
                f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
