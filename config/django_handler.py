"""A Django ASGI handler for synchronous views: each request runs in one thread, and threads are reused.

Django's own handler starts a thread for each request, and so opens a database connection; it switches between
the event loop and that thread for each middleware, and starts two tasks to notice when a client disconnects.
Here signals, middleware, view and the closing of the response run in one go, as under WSGI. Sending,
streaming and error pages remain Django's.
"""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from core.threads import ReusedThreads
from plugins.executions.call_endpoint import Receive, Scope, Send


class ThreadPerRequestHandler(ASGIHandler):
    """Runs each request in one of at most `limit` threads, which are reused.

    A request holds its thread from when its body has arrived until its response is ready, so slow clients
    hold no threads. A view is never interrupted: it runs to completion even if its client disconnects.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._threads = ReusedThreads("request", limit)

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
                    response.streaming_content = self._stream(iter(response))
                await self.send_response(response, send)
            finally:
                await self._threads.run(response.close)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Sets CONTENT_LENGTH for a chunked body as well, because some code reads nothing without it."""
        request, error = super().create_request(scope, body_file)
        if request is not None and "CONTENT_LENGTH" not in request.META:
            request.META["CONTENT_LENGTH"] = str(body_file.seek(0, os.SEEK_END))
            body_file.seek(0)
        return request, error

    def _respond(self, scope: Scope, body: Any) -> HttpResponseBase:
        """Runs the request. A response that is not streamed is already closed when this returns."""
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
        return cast(HttpResponseBase, response)

    async def _stream(self, content: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Reads each chunk when it is to be sent. Django would first read all of them, and warn about it."""
        while (chunk := await self._threads.run(next, content, None)) is not None:
            yield chunk
