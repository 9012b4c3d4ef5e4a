"""No response exceeds the limits on size and time, however it is sent."""

import gzip
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import pytest

from plugins.egress import gate, headers
from plugins.egress.connector import HeadLimit, Stream, look_up
from plugins.egress.gate import Request
from plugins.egress.problems import EgressTimeout, EgressTooLarge, EgressUnreachable
from tests.plugins.egress.guest import MAX_RESPONSE_BYTES, NAME, Guest
from tests.plugins.egress.outside import Outside
from tests.server import free_port


def endless_body(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        out.write(b"x" * 4096)


def endless_chunks(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        out.write(b"400\r\n%s\r\n" % (b"x" * 1024))


def endless_headers(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        out.write(b"X-Header: value\r\n" * 100)


def endless_hints(out: BinaryIO) -> None:
    while True:
        out.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)


@pytest.mark.parametrize(
    "script",
    [
        endless_hints,
        endless_body,
        endless_chunks,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
        % (MAX_RESPONSE_BYTES + 1, b"x" * (MAX_RESPONSE_BYTES + 1)),
        b"HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n" % (b"X-Header: value\r\n" * headers.MAX_HEADERS),
        b"HTTP/1.1 200 OK\r\nX: %s\r\nContent-Length: 0\r\n\r\n" % (b"x" * headers.MAX_HEADER_BYTES),
    ],
    ids=[
        "endless hints",
        "endless body",
        "endless chunks",
        "one byte too many",
        "many headers",
        "a long header",
    ],
)
def test_oversized_response_is_refused(guest: Guest, server: Outside, base: str, script: bytes) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressTooLarge):
        guest.request(f"{base}/")
    assert guest.audit == [(f"GET {base}/", 502)]


def test_response_in_too_many_chunks_is_refused(guest: Guest, server: Outside, base: str) -> None:
    """Each chunk costs this server more than it costs the other side."""
    chunks = b"1\r\nx\r\n" * (gate.MAX_CHUNKS + 1) + b"0\r\n\r\n"
    assert gate.MAX_CHUNKS < MAX_RESPONSE_BYTES
    server.answers["/"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    with pytest.raises(EgressTooLarge, match="chunks"):
        guest.request(f"{base}/")


def test_response_at_the_limit_is_complete(guest: Guest, server: Outside, base: str) -> None:
    server.says("/", body=b"x" * MAX_RESPONSE_BYTES)
    assert len(guest.request(f"{base}/").body) == MAX_RESPONSE_BYTES


def test_compressed_response_is_not_decompressed(guest: Guest, server: Outside, base: str) -> None:
    """A gzip bomb: a few kilobytes that would expand to megabytes."""
    bomb = gzip.compress(b"\0" * (20 << 20))
    server.says("/", body=bomb, Content_Encoding="gzip")
    response = guest.request(f"{base}/")
    assert (response.body, response.headers["content-encoding"]) == (bomb, "gzip")


def test_endless_headers_are_refused(guest: Guest, server: Outside, base: str) -> None:
    server.answers["/"] = endless_headers
    # By the gate or by the HTTP parser: how the bytes arrive decides whose limit is reached first.
    with pytest.raises((EgressTooLarge, EgressUnreachable)):
        guest.request(f"{base}/")
    assert guest.audit == [(f"GET {base}/", 502)]


@pytest.mark.parametrize(
    "script",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"",
    ],
)
def test_invalid_or_incomplete_response_is_unreachable(
    guest: Guest, server: Outside, base: str, script: bytes
) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressUnreachable):
        guest.request(f"{base}/")
    assert guest.audit == [(f"GET {base}/", 502)]


def drip(out: BinaryIO, start: bytes) -> None:
    """Sends a byte every 20 ms, forever."""
    out.write(start)
    while True:
        out.write(b"x")
        out.flush()
        time.sleep(0.02)


@pytest.mark.parametrize(
    "script",
    [
        lambda out: drip(out, b"HTTP/1.1 200 OK\r\n\r\n"),
        lambda out: drip(out, b"HTTP/1.1 200 OK\r\nX: "),
        lambda out: drip(out, b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
        lambda out: time.sleep(3),
    ],
    ids=["body", "header", "body with a length", "silence"],
)
def test_slow_response_times_out(
    guest: Guest, server: Outside, base: str, script: Callable[[BinaryIO], None]
) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressTimeout):
        guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 0.3)
    assert guest.audit == [(f"GET {base}/", 504)]


def test_gate_timeout_covers_all_hops_together(guest: Guest, server: Outside, base: str) -> None:
    def slow_redirect(out: BinaryIO) -> None:
        time.sleep(0.3)
        out.write(b"HTTP/1.1 307 Again\r\nContent-Length: 0\r\nLocation: /\r\n\r\n")

    server.answers["/"] = slow_redirect
    guest.gate = replace(guest.gate, timeout_seconds=0.7)
    with pytest.raises(EgressTimeout):
        guest.request(f"{base}/")
    assert len(server.seen) <= 3


def test_server_that_reads_slowly_times_out() -> None:
    """Each write succeeds in time, but all of them together take too long."""
    ours, theirs = socket.socketpair()

    def read_slowly() -> None:
        while theirs.recv(1 << 16):
            time.sleep(0.02)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    with ours, theirs:
        ours.settimeout(1)
        with pytest.raises(TimeoutError):
            Stream(ours, time.monotonic() + 0.3, HeadLimit()).write(b"x" * (4 << 20))
        ours.shutdown(socket.SHUT_WR)
        reader.join()


def test_unresponsive_dns_server_times_out(guest: Guest, base: str) -> None:
    done, answered = threading.Event(), threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        done.wait(30)
        answered.set()
        return ["127.0.0.1"]

    guest.gate = replace(guest.gate, resolve=resolve)
    try:
        with pytest.raises(EgressTimeout):
            guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 0.2)
        assert not answered.is_set()
    finally:
        done.set()


def test_unresponsive_dns_server_does_not_delay_other_names() -> None:
    answered = threading.Event()

    def resolve(host: str, _port: int) -> list[str]:
        if host == "slow.example.com":
            answered.wait(30)
        return ["192.0.2.1"]

    try:
        for _ in range(20):  # more than there are threads
            with pytest.raises(TimeoutError):
                look_up("slow.example.com", 80, resolve, time.monotonic() + 0.01)
        addresses = look_up("fast.example.com", 80, resolve, time.monotonic() + 10)
    finally:
        answered.set()
    assert [str(address) for address in addresses] == ["192.0.2.1"]


def test_closed_port_is_unreachable(guest: Guest) -> None:
    port = free_port()
    guest = Guest(Outside("127.0.0.1", port))
    with pytest.raises(EgressUnreachable):
        guest.request(f"http://{NAME}:{port}/")
