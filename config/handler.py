"""Django's ASGI handler for synchronous views: one hop, to a lasting thread, per request.

The stock handler starts a thread, and so a database connection, for each request, hops between the event loop
and that thread for every middleware, and starts two tasks to notice a client that hangs up. Here all that
Django does for a request runs in one go, as it does under WSGI: signals, middleware, view and the end of the
response. What is sent, streaming and error pages stay the stock handler's.
"""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from core.threads import ReusedThreads
from plugins.executions.call_endpoint import Receive, Scope, Send


class ThreadPerRequestHandler(ASGIHandler):
    """Lends each request a thread that outlives it and does one thing at a time. `most`: of so many.

    A request has its thread from when its body is there until its response is made; who waits for a slow
    client keeps none. A view cannot be broken off: when the client hangs up it runs to its end.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._threads = ReusedThreads("request", most)

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            response = await self._threads.run(self._respond, dict(scope), body)
            if not isinstance(response, StreamingHttpResponse):
                await self.send_response(response, send)
                return
            try:
                if not response.is_async:
                    response.streaming_content = self._piece_by_piece(iter(response))
                await self.send_response(response, send)
            finally:
                await self._threads.run(response.close)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Says how long a body is that came without its length, in chunks: some readers go by that alone."""
        request, error = super().create_request(scope, body_file)
        if request is not None and "CONTENT_LENGTH" not in request.META:
            request.META["CONTENT_LENGTH"] = str(body_file.seek(0, os.SEEK_END))
            body_file.seek(0)
        return request, error

    def _respond(self, scope: Scope, body: Any) -> HttpResponseBase:
        """The response; one that is not streamed is at its end, its database connection looked after."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, response = self.create_request(scope, body)
        if request is not None:
            response = self.get_response(request)
        response._handler_class = self.__class__
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()
        made: HttpResponseBase = response
        return made

    async def _piece_by_piece(self, content: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Reads a file as it is sent. Django would read it whole first, and warn that it does."""
        while (piece := await self._threads.run(next, content, None)) is not None:
            yield piece
