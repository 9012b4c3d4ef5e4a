"""config.http_connection, on a real server: limits on headers and trailers."""

import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from config import http_connection
from config.http_connection import MAX_HEAD_BYTES, BoundedConnection
from tests.server import Server

START = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def client(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        yield client


def resident_kib(server: Server) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found
    return int(found[1])


def response(client: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := client.recv(1 << 16):
            received += chunk
    return bytes(received)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (START, b"X-Some: %s\r\n" % (b"a" * 1000)),
        (START + b"X-One: ", b"a" * 1000),
        (b"GET /", b"a" * 1000),
    ],
    ids=["many headers", "one header", "request line"],
)
def test_an_endless_head_is_refused_before_it_fills_the_memory(
    server: Server, client: socket.socket, start: bytes, piece: bytes
) -> None:
    before = resident_kib(server)
    client.sendall(start)
    with pytest.raises(ConnectionError):
        for _ in range(100):
            client.sendall(piece * 1000)
    assert resident_kib(server) - before < 20_000


def test_a_head_that_is_too_large_gets_a_problem(client: socket.socket) -> None:
    client.sendall(START)
    for _ in range(MAX_HEAD_BYTES // 1022 + 1):
        client.sendall(b"X-Some: %s\r\n" % (b"a" * 1012))
        time.sleep(0.001)
    head, _, body = response(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["type"] == "urn:hostbridge:problem:headers-too-large"


def test_endless_trailers_are_cut_off(server: Server, client: socket.socket) -> None:
    before = resident_kib(server)
    client.sendall(b"POST /api/v1/plugins/template/call/greet HTTP/1.1\r\nHost: localhost\r\n")
    client.sendall(b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    with pytest.raises(ConnectionError):
        for _ in range(100):
            client.sendall(b"X-Some: %s\r\n" % (b"a" * 1000) * 1000)
    assert resident_kib(server) - before < 20_000


def test_trailers_are_ignored(server: Server, client: socket.socket) -> None:
    """Otherwise a trailer could replace a header that a proxy in front has set."""
    with server.log_in("owner@example.com") as owner:
        authorization = owner.headers["Authorization"].encode()
    request = b"POST /api/v1/plugins/template/call/greet HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    client.sendall(request + b'Transfer-Encoding: chunked\r\n\r\nc\r\n{"name":"x"}\r\n0\r\n')
    client.sendall(b"Authorization: " + authorization + b"\r\n\r\n")
    assert response(client).startswith(b"HTTP/1.1 401 ")


def test_several_requests_in_small_pieces_get_their_responses(client: socket.socket) -> None:
    for _ in range(3):
        for byte in START + b"\r\n":
            client.sendall(bytes([byte]))
        received = b""
        while not received.endswith(b'{"status": "ok"}'):
            received += client.recv(1 << 16)
    client.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n")
    client.sendall(b"Content-Type: application/json\r\nConnection: close\r\n\r\n")
    for _ in range(40):
        client.sendall(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
    client.sendall(b"0\r\n\r\n")
    assert b"malformed-json" in response(client)


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\n"], ids=["nothing", "half a head"])
def test_a_connection_without_a_complete_head_is_closed(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "HEAD_TIMEOUT_SECONDS", 0.2)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no request was complete")

    async def read_until_closed() -> bytes:
        config = uvicorn.Config(app, port=0, lifespan="off", http=BoundedConnection, log_level="error")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(start)
        received = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        server.should_exit = True
        await serving
        return received

    assert asyncio.run(read_until_closed()) == b""
