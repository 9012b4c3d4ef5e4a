"""Django's ASGI handler for synchronous views: one hop, to a lasting thread, per request.

The stock handler starts a thread, and so a database connection, for each request, and hops between the event
loop and that thread for every middleware. Here the whole chain of middleware and view runs in one go, as it
does under WSGI; signals, streaming, disconnects and error pages stay the stock handler's.
"""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.threads import SharedThreads
from plugins.calls import Receive, Scope, Send


class ThreadPerRequestHandler(ASGIHandler):
    """Lends each request a thread that outlives it and does one thing at a time. `most`: of so many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._threads = SharedThreads("request", most)

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        # If the client hangs up, handle() gives the view up but waits for its end: the signal that the
        # request is finished is sent in this same thread.
        async with self._threads.lend() as thread, ThreadSensitiveContext(executor=thread):
            await self.handle(dict(scope), receive, send)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Says how long a body is that came without its length, in chunks: some readers go by that alone."""
        request, error = super().create_request(scope, body_file)
        if request is not None and "CONTENT_LENGTH" not in request.META:
            request.META["CONTENT_LENGTH"] = str(body_file.seek(0, os.SEEK_END))
            body_file.seek(0)
        return request, error

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await sync_to_async(self.get_response)(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = _piece_by_piece(iter(response))
        return response


async def _piece_by_piece(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Reads a file as it is sent. Django would read it whole first, and warn that it does."""
    while (piece := await sync_to_async(lambda: next(content, None))()) is not None:
        yield piece
