"""config.handler: a thread serves one request at a time, also when clients hang up in the middle."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from config.handler import ThreadPerRequestHandler

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db]
SCOPE = {
    "type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1",
}  # fmt: skip


class Conversation:
    """One request: the client hangs up when told to."""

    def __init__(self) -> None:
        self.hang_up = asyncio.Event()
        self.sent: list[dict[str, Any]] = []
        self.asked = False

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


class Slow(ThreadPerRequestHandler):
    """Its one view waits until it is let go, and says in which thread it ran."""

    def __init__(self, most: int = 8) -> None:
        super().__init__(most)
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.threads: list[int] = []

    def get_response(self, request: HttpRequest) -> HttpResponse:
        self.threads.append(threading.get_ident())
        self.begun.set()
        assert self.let_go.wait(10)
        return HttpResponse("done")


async def test_a_thread_whose_client_hung_up_is_lent_again_only_when_its_view_has_ended() -> None:
    handler, first, second = Slow(), Conversation(), Conversation()
    given_up = asyncio.create_task(handler(SCOPE, first.receive, first.send))
    await asyncio.to_thread(handler.begun.wait, 10)
    first.hang_up.set()
    await asyncio.sleep(0.2)
    assert handler._threads._free == [], "the thread is still in the view"
    running = asyncio.create_task(handler(SCOPE, second.receive, second.send))
    while len(handler.threads) < 2:  # it began although the first still runs: in a thread of its own
        await asyncio.sleep(0.01)
    assert len(set(handler.threads)) == 2
    handler.let_go.set()
    await asyncio.gather(given_up, running)
    assert second.sent[0]["status"] == 200
    assert len(handler._threads._free) == 2


async def test_many_requests_at_once_share_a_few_threads() -> None:
    """Each thread has a database connection, and keeps it: a burst must not use them up for good."""
    handler, conversations = Slow(most=2), [Conversation() for _ in range(20)]
    running = [asyncio.create_task(handler(SCOPE, each.receive, each.send)) for each in conversations]
    await asyncio.to_thread(handler.begun.wait, 10)
    handler.let_go.set()
    await asyncio.gather(*running)
    assert [each.sent[0]["status"] for each in conversations] == [200] * 20
    assert len(set(handler.threads)) == 2
    assert len(handler._threads._free) == 2


async def test_who_waits_for_a_slow_client_keeps_nobody_from_the_thread() -> None:
    handler, quick = Slow(most=1), Conversation()
    handler.let_go.set()
    silent = Conversation()
    silent.asked = True  # its body never comes
    waiting = asyncio.create_task(handler(SCOPE, silent.receive, silent.send))
    await asyncio.sleep(0)
    await asyncio.wait_for(handler(SCOPE, quick.receive, quick.send), 10)
    assert quick.sent[0]["status"] == 200
    silent.hang_up.set()
    await waiting


async def test_a_thread_is_used_again() -> None:
    handler = Slow()
    handler.let_go.set()
    for _ in range(5):
        conversation = Conversation()
        await handler(SCOPE, conversation.receive, conversation.send)
        assert conversation.sent[0]["status"] == 200
    assert len(set(handler.threads)) == 1


class Answering(ThreadPerRequestHandler):
    """Its one view is the function it is given."""

    def __init__(self, view: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(most=1)
        self.get_response = view


async def ask(handler: ThreadPerRequestHandler) -> tuple[int, bytes]:
    conversation = Conversation()
    await handler(SCOPE, conversation.receive, conversation.send)
    start, *parts = conversation.sent
    return start["status"], b"".join(part.get("body", b"") for part in parts)


async def test_both_signals_are_sent_in_the_thread_of_the_view() -> None:
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
        assert await ask(Answering(view)) == (200, b"done")
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)
    assert [what for what, _ in seen] == ["started", "view", "finished"]
    assert len({thread for _, thread in seen} - {threading.get_ident()}) == 1


async def test_a_streamed_response_is_read_as_it_is_sent_and_closed_after_that() -> None:
    seen: list[str] = []

    def pieces() -> Iterator[bytes]:
        for piece in (b"one ", b"two"):
            seen.append(piece.decode())
            yield piece

    def view(request: HttpRequest) -> StreamingHttpResponse:
        response = StreamingHttpResponse(pieces())
        response._resource_closers.append(lambda: seen.append("closed"))
        return response

    assert await ask(Answering(view)) == (200, b"one two")
    assert seen == ["one ", "two", "closed"]


async def test_a_streamed_response_is_closed_also_if_its_client_is_gone() -> None:
    closed = threading.Event()

    def view(request: HttpRequest) -> StreamingHttpResponse:
        response = StreamingHttpResponse(iter([b"one", b"two"]))
        response._resource_closers.append(closed.set)
        return response

    async def gone(message: Any) -> None:
        raise OSError("the client is gone")

    with pytest.raises(OSError, match="gone"):
        await Answering(view)(SCOPE, Conversation().receive, gone)
    assert closed.is_set()


async def test_what_one_request_leaves_in_its_context_the_next_one_in_its_thread_does_not_see() -> None:
    note = ContextVar("note", default="nothing")

    def view(request: HttpRequest) -> HttpResponse:
        found = note.get()
        note.set("somebody's")
        return HttpResponse(found)

    handler = Answering(view)
    assert [await ask(handler) for _ in range(2)] == [(200, b"nothing")] * 2
