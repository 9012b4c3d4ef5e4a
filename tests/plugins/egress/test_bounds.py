"""No answer is larger or takes longer than allowed, however it is told."""

import gzip
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import pytest

from plugins.egress import gate
from plugins.egress.connector import Head, Stream, look_up
from plugins.egress.gate import EgressTimeout, EgressTooLarge, EgressUnreachable, Request
from tests.plugins.egress.guest import MOST, NAME, Guest
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
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (MOST + 1, b"x" * (MOST + 1)),
        b"HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n" % (b"X-Header: value\r\n" * gate.MAX_HEADERS),
        b"HTTP/1.1 200 OK\r\nX: %s\r\nContent-Length: 0\r\n\r\n" % (b"x" * gate.MAX_HEADER_BYTES),
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
def test_an_answer_over_the_bound_is_cut_off(guest: Guest, server: Outside, base: str, script: bytes) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressTooLarge):
        guest.ask(f"{base}/")
    assert guest.audit == [(f"GET {base}/", 502)]


def test_an_answer_in_crumbs_is_cut_off(guest: Guest, server: Outside, base: str) -> None:
    """Each piece costs this server more than it costs the other side."""
    crumbs = b"1\r\nx\r\n" * (gate.MAX_PIECES + 1) + b"0\r\n\r\n"
    assert gate.MAX_PIECES < MOST
    server.answers["/"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + crumbs
    with pytest.raises(EgressTooLarge, match="pieces"):
        guest.ask(f"{base}/")


def test_an_answer_at_the_bound_is_whole(guest: Guest, server: Outside, base: str) -> None:
    server.says("/", body=b"x" * MOST)
    assert len(guest.ask(f"{base}/").body) == MOST


def test_a_packed_answer_stays_packed(guest: Guest, server: Outside, base: str) -> None:
    """A gzip bomb: a few kilobytes that would be megabytes."""
    bomb = gzip.compress(b"\0" * (20 << 20))
    server.says("/", body=bomb, Content_Encoding="gzip")
    answer = guest.ask(f"{base}/")
    assert (answer.body, answer.headers["content-encoding"]) == (bomb, "gzip")


def test_headers_without_an_end_are_cut_off(guest: Guest, server: Outside, base: str) -> None:
    server.answers["/"] = endless_headers
    # By the gate or by the HTTP parser: whose bound is met first is a matter of how the bytes arrive.
    with pytest.raises((EgressTooLarge, EgressUnreachable)):
        guest.ask(f"{base}/")
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
def test_what_is_no_whole_answer_is_unreachable(
    guest: Guest, server: Outside, base: str, script: bytes
) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressUnreachable):
        guest.ask(f"{base}/")
    assert guest.audit == [(f"GET {base}/", 502)]


def dripping(out: BinaryIO, first: bytes) -> None:
    """Never silent for long, and never done."""
    out.write(first)
    while True:
        out.write(b"x")
        out.flush()
        time.sleep(0.02)


@pytest.mark.parametrize(
    "script",
    [
        lambda out: dripping(out, b"HTTP/1.1 200 OK\r\n\r\n"),
        lambda out: dripping(out, b"HTTP/1.1 200 OK\r\nX: "),
        lambda out: dripping(out, b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
        lambda out: time.sleep(3),
    ],
    ids=["body", "header", "announced body", "silence"],
)
def test_a_slow_answer_is_given_up(
    guest: Guest, server: Outside, base: str, script: Callable[[BinaryIO], None]
) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressTimeout):
        guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 0.3)
    assert guest.audit == [(f"GET {base}/", 504)]


def test_the_gates_own_time_holds_for_all_hops_together(guest: Guest, server: Outside, base: str) -> None:
    def slow_redirect(out: BinaryIO) -> None:
        time.sleep(0.3)
        out.write(b"HTTP/1.1 307 Again\r\nContent-Length: 0\r\nLocation: /\r\n\r\n")

    server.answers["/"] = slow_redirect
    guest.gate = replace(guest.gate, timeout_seconds=0.7)
    with pytest.raises(EgressTimeout):
        guest.ask(f"{base}/")
    assert len(server.seen) <= 3


def test_a_server_that_reads_in_sips_is_given_up() -> None:
    """Each piece gets away in time; all of them together would not."""
    ours, theirs = socket.socketpair()

    def sip() -> None:
        while theirs.recv(1 << 16):
            time.sleep(0.02)

    reader = threading.Thread(target=sip)
    reader.start()
    with ours, theirs:
        ours.settimeout(1)
        with pytest.raises(TimeoutError):
            Stream(ours, time.monotonic() + 0.3, Head()).write(b"x" * (4 << 20))
        ours.shutdown(socket.SHUT_WR)
        reader.join()


def test_a_name_server_that_does_not_answer_is_given_up(guest: Guest, base: str) -> None:
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


def test_a_name_server_that_does_not_answer_keeps_no_other_name_waiting() -> None:
    answered = threading.Event()

    def resolve(host: str, _port: int) -> list[str]:
        if host == "slow.example.com":
            answered.wait(30)
        return ["192.0.2.1"]

    try:
        for _ in range(20):  # more than there are threads
            with pytest.raises(TimeoutError):
                look_up("slow.example.com", 80, resolve, time.monotonic() + 0.01)
        found = look_up("fast.example.com", 80, resolve, time.monotonic() + 10)
    finally:
        answered.set()
    assert [str(address) for address in found] == ["192.0.2.1"]


def test_nobody_listens(guest: Guest) -> None:
    port = free_port()
    guest = Guest(Outside("127.0.0.1", port))
    with pytest.raises(EgressUnreachable):
        guest.ask(f"http://{NAME}:{port}/")
