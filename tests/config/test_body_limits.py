"""config.body_limits: request bodies are bounded while they arrive, each and all together."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from config.body_limits import BodyLimit

pytestmark = pytest.mark.asyncio
SMALL = BodyLimit.SMALL_BODY_BYTES
HELD = 100
SCOPE = {"type": "http", "path": "/", "headers": []}


class Client:
    """Sends one body, in these pieces, and then waits for its answer."""

    def __init__(self, *sizes: int) -> None:
        self.pieces = [{"type": "http.request", "body": b"x" * size, "more_body": True} for size in sizes]
        self.answered = asyncio.Event()
        self.statuses: list[int] = []

    async def receive(self) -> dict[str, Any]:
        return self.pieces.pop(0) if self.pieces else {"type": "http.request", "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if "status" in message:
            self.statuses.append(message["status"])
        self.answered.set()


class Reader:
    """The application behind: reads the whole body, and answers when it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.limit = BodyLimit(self, 10 * SMALL, {"/large": 20 * SMALL}, HELD)

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        message = {"type": "http.request", "more_body": True}
        while message.get("more_body"):
            message = await receive()
        await self.let_go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def answer(reader: Reader, client: Client, path: str = "/") -> list[int]:
    reader.let_go.set()
    await reader.limit(SCOPE | {"path": path}, client.receive, client.send)
    return client.statuses


async def test_one_body_is_bounded_by_its_path() -> None:
    reader = Reader()
    reader.limit.max_held_bytes = 100 * SMALL
    sizes = [SMALL] * 10
    assert await answer(reader, Client(*sizes)) == [200]
    assert await answer(reader, Client(*sizes, 1)) == [413]
    assert await answer(reader, Client(*sizes, 1), "/large") == [200]


async def test_large_bodies_are_bounded_together_and_small_ones_always_come_through() -> None:
    reader = Reader()
    holding = Client(SMALL, HELD)
    first = asyncio.create_task(reader.limit(SCOPE, holding.receive, holding.send))
    while holding.pieces:
        await asyncio.sleep(0)
    refused, small = Client(SMALL, 1), Client(SMALL)
    second = asyncio.create_task(reader.limit(SCOPE, refused.receive, refused.send))
    await asyncio.wait_for(refused.answered.wait(), 10)
    assert refused.statuses == [503]
    assert await answer(reader, small) == [200]
    await asyncio.gather(first, second)
    assert holding.statuses == [200]
    assert refused.statuses == [503]
    assert await answer(reader, Client(SMALL, HELD)) == [200], "what was held is free again"
