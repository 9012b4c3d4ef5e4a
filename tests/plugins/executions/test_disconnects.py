"""No client gets another's reply, even if clients hang up in the middle of their calls."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backing import wait_for
from tests.server import Server

STEADY, LEAVING = 32, 300
CALLS_EACH = 8


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    server = Server.start(tmp_path / "data", PLUGIN_QUEUE="1000", PLUGIN_QUEUE_TIMEOUT_MS="120000")
    try:
        server.make_owner()
        server.install_fixture("faults")
        yield server
    finally:
        server.stop()


def request(token: str, body: bytes) -> bytes:
    head = (
        "POST /api/v1/plugins/faults/call/echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def leave_early(port: int, token: str, number: int) -> None:
    """Sends a call, whole or nearly so, and hangs up at once or a moment later."""
    chance = random.Random(number)
    await asyncio.sleep(chance.random() * 3)
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = request(token, b"LEFT" + str(number).encode() * 200)
    writer.write(raw if chance.random() < 0.8 else raw[:-10])
    await writer.drain()
    await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
    writer.transport.abort()


async def stay(port: int, token: str, number: int) -> list[bytes]:
    """The replies that differ from what was sent."""
    wrong = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for turn in range(CALLS_EACH):
        body = f"steady {number} {turn} ".encode() * 50
        writer.write(request(token, body))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        reply = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200") or reply != body:
            wrong.append(head + reply)
        await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    return wrong


async def run_all(port: int, token: str) -> list[bytes]:
    leaving = [leave_early(port, token, number) for number in range(LEAVING)]
    staying = [stay(port, token, number) for number in range(STEADY)]
    replies = await asyncio.gather(*staying, *leaving)
    return [wrong for found in replies[:STEADY] for wrong in found]


def test_no_reply_is_wrong_when_300_clients_hang_up_among_32_that_stay(own_server: Server) -> None:
    with own_server.log_in("owner@example.com") as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
        assert asyncio.run(run_all(own_server.port, token)) == []
        running = {"state": "running"}  # the calls of the last clients that hung up
        wait_for(lambda: client.get("/api/v1/executions", params=running).json()["results"] == [])
    assert own_server.process.poll() is None
