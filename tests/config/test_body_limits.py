"""config.body_limits: bodies are limited while they arrive, one by one and all together."""

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
    """Sends one body in pieces of these sizes and waits for the response."""

    def __init__(self, *sizes: int) -> None:
        self.pieces = [{"type": "http.request", "body": b"x" * size, "more_body": True} for size in sizes]
        self.responded = asyncio.Event()
        self.statuses: list[int] = []

    async def receive(self) -> dict[str, Any]:
        return self.pieces.pop(0) if self.pieces else {"type": "http.request", "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if "status" in message:
            self.statuses.append(message["status"])
        self.responded.set()


class Reader:
    """The application behind the limit: reads the whole body, and responds when `finish` is set."""

    def __init__(self) -> None:
        self.finish = asyncio.Event()
        self.limit = BodyLimit(self, 10 * SMALL, {"/large": 20 * SMALL}, HELD)

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        message = {"type": "http.request", "more_body": True}
        while message.get("more_body"):
            message = await receive()
        await self.finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def respond(reader: Reader, client: Client, path: str = "/") -> list[int]:
    reader.finish.set()
    await reader.limit(SCOPE | {"path": path}, client.receive, client.send)
    return client.statuses


async def test_the_limit_of_a_body_depends_on_its_path() -> None:
    reader = Reader()
    reader.limit.max_held_bytes = 100 * SMALL
    sizes = [SMALL] * 10
    assert await respond(reader, Client(*sizes)) == [200]
    assert await respond(reader, Client(*sizes, 1)) == [413]
    assert await respond(reader, Client(*sizes, 1), "/large") == [200]


async def test_large_bodies_are_limited_together_and_small_ones_always_pass() -> None:
    reader = Reader()
    holding = Client(SMALL, HELD)
    first = asyncio.create_task(reader.limit(SCOPE, holding.receive, holding.send))
    while holding.pieces:
        await asyncio.sleep(0)
    refused, small = Client(SMALL, 1), Client(SMALL)
    second = asyncio.create_task(reader.limit(SCOPE, refused.receive, refused.send))
    await asyncio.wait_for(refused.responded.wait(), 10)
    assert refused.statuses == [503]
    assert await respond(reader, small) == [200]
    await asyncio.gather(first, second)
    assert holding.statuses == [200]
    assert refused.statuses == [503]
    assert await respond(reader, Client(SMALL, HELD)) == [200], "what was held is free again"
