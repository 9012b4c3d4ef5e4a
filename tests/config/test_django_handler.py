"""config.django_handler: a thread serves one request at a time, even if a client disconnects meanwhile."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from config.django_handler import ThreadPerRequestHandler

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db]
SCOPE = {
    "type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1",
}  # fmt: skip


class Conversation:
    """One request. The client disconnects when `hang_up` is set."""

    def __init__(self) -> None:
        self.hang_up = asyncio.Event()
        self.sent: list[dict[str, Any]] = []
        self.body_sent = False

    async def receive(self) -> dict[str, Any]:
        if not self.body_sent:
            self.body_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


class SlowHandler(ThreadPerRequestHandler):
    """Its view waits until `finish` is set. `threads` lists the threads that it ran in."""

    def __init__(self, limit: int = 8) -> None:
        super().__init__(limit)
        self.started = threading.Event()
        self.finish = threading.Event()
        self.threads: list[int] = []

    def get_response(self, request: HttpRequest) -> HttpResponse:
        self.threads.append(threading.get_ident())
        self.started.set()
        assert self.finish.wait(10)
        return HttpResponse("done")


async def test_a_thread_is_not_reused_before_its_view_returns_even_if_the_client_disconnects() -> None:
    handler, first, second = SlowHandler(), Conversation(), Conversation()
    abandoned = asyncio.create_task(handler(SCOPE, first.receive, first.send))
    await asyncio.to_thread(handler.started.wait, 10)
    first.hang_up.set()
    await asyncio.sleep(0.2)
    running = asyncio.create_task(handler(SCOPE, second.receive, second.send))
    while len(handler.threads) < 2:  # it starts in a second thread, because the first is busy
        await asyncio.sleep(0.01)
    assert len(set(handler.threads)) == 2
    handler.finish.set()
    await asyncio.gather(abandoned, running)
    assert second.sent[0]["status"] == 200
    assert await respond(handler) == (200, b"done")
    assert len(set(handler.threads)) == 2, "both threads are reused"


async def test_a_burst_of_requests_shares_the_limited_threads() -> None:
    """Each thread holds on to a database connection, so a burst must not use them all up."""
    handler, conversations = SlowHandler(limit=2), [Conversation() for _ in range(20)]
    running = [asyncio.create_task(handler(SCOPE, each.receive, each.send)) for each in conversations]
    await asyncio.to_thread(handler.started.wait, 10)
    handler.finish.set()
    await asyncio.gather(*running)
    assert [each.sent[0]["status"] for each in conversations] == [200] * 20
    assert len(set(handler.threads)) == 2


async def test_waiting_for_a_slow_client_takes_no_thread() -> None:
    handler, quick = SlowHandler(limit=1), Conversation()
    handler.finish.set()
    silent = Conversation()
    silent.body_sent = True  # its body never comes
    waiting = asyncio.create_task(handler(SCOPE, silent.receive, silent.send))
    await asyncio.sleep(0)
    await asyncio.wait_for(handler(SCOPE, quick.receive, quick.send), 10)
    assert quick.sent[0]["status"] == 200
    silent.hang_up.set()
    await waiting


async def test_threads_are_reused() -> None:
    handler = SlowHandler()
    handler.finish.set()
    for _ in range(5):
        assert await respond(handler) == (200, b"done")
    assert len(set(handler.threads)) == 1


class ViewHandler(ThreadPerRequestHandler):
    """Its only view is the given function."""

    def __init__(self, view: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(limit=1)
        self.get_response = view


async def respond(handler: ThreadPerRequestHandler) -> tuple[int, bytes]:
    conversation = Conversation()
    await handler(SCOPE, conversation.receive, conversation.send)
    start, *parts = conversation.sent
    return start["status"], b"".join(part.get("body", b"") for part in parts)


async def test_signals_are_sent_in_the_thread_of_the_view() -> None:
    seen: list[tuple[str, int]] = []

    def note(what: str) -> Callable[..., None]:
        return lambda **_: seen.append((what, threading.get_ident()))

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(("view", threading.get_ident()))
        return HttpResponse("done")

    started, finished = note("started"), note("finished")
    request_started.connect(started)
    request_finished.connect(finished)
    try:
        assert await respond(ViewHandler(view)) == (200, b"done")
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)
    assert [what for what, _ in seen] == ["started", "view", "finished"]
    assert len({thread for _, thread in seen} - {threading.get_ident()}) == 1


class ClosingResponse(StreamingHttpResponse):
    """Calls `on_close` when it is closed."""

    def __init__(self, pieces: Iterator[bytes], on_close: Callable[[], None]) -> None:
        super().__init__(pieces)
        self.on_close = on_close

    def close(self) -> None:
        super().close()
        self.on_close()


async def test_a_streamed_response_is_read_while_it_is_sent_and_then_closed() -> None:
    seen: list[str] = []

    def pieces() -> Iterator[bytes]:
        for piece in (b"one ", b"two"):
            seen.append(piece.decode())
            yield piece

    def view(request: HttpRequest) -> StreamingHttpResponse:
        return ClosingResponse(pieces(), lambda: seen.append("closed"))

    assert await respond(ViewHandler(view)) == (200, b"one two")
    assert seen == ["one ", "two", "closed"]


async def test_a_streamed_response_is_closed_even_if_its_client_has_disconnected() -> None:
    closed = threading.Event()

    def view(request: HttpRequest) -> StreamingHttpResponse:
        return ClosingResponse(iter([b"one", b"two"]), closed.set)

    async def send(message: Any) -> None:
        raise OSError("the client is gone")

    with pytest.raises(OSError, match="gone"):
        await ViewHandler(view)(SCOPE, Conversation().receive, send)
    assert closed.is_set()


async def test_context_variables_do_not_leak_into_the_next_request_of_a_thread() -> None:
    note = ContextVar("note", default="nothing")

    def view(request: HttpRequest) -> HttpResponse:
        found = note.get()
        note.set("left behind")
        return HttpResponse(found)

    handler = ViewHandler(view)
    assert [await respond(handler) for _ in range(2)] == [(200, b"nothing")] * 2
