"""Connections for the egress gate: to addresses that were checked, and until a deadline.

httpcore speaks HTTP; how it gets a connection is given to it, so that nothing is looked up a second time
between the check and the connection (DNS rebinding), and so that every wait counts against one deadline.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpcore

from plugins.egress.destinations import IPAddress

# host, port -> the addresses that the name has now. Raises OSError.
Resolve = Callable[[str, int], Sequence[str]]

# The system's resolver knows no deadline: it is waited for elsewhere, by so many threads at most.
_lookups = ThreadPoolExecutor(max_workers=16, thread_name_prefix="egress-lookup")
_going_on: "dict[tuple[Resolve, str, int], Future[Sequence[str]]]" = {}
_lock = threading.Lock()

# Before the header of an answer is whole, so much may come: a server may send any number of 1xx answers
# first, and each is work. What is read along with the header, up to 64 KiB of the body, counts as well.
MAX_HEAD_BYTES = 128 << 10


def system_addresses(host: str, port: int) -> list[str]:
    """What the operating system's resolver says. Raises OSError."""
    # As bytes: Python would put text through its own, older reading of international names.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def look_up(host: str, port: int, resolve: Resolve, deadline: float) -> list[IPAddress]:
    """The addresses of the host, each once. Raises OSError, TimeoutError at the deadline."""
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    found = _ask(resolve, host, port).result(timeout=left(deadline))
    return list(dict.fromkeys(map(ipaddress.ip_address, found)))


def _ask(resolve: Resolve, host: str, port: int) -> "Future[Sequence[str]]":
    """One look-up for all who ask for the same at the same time: a name whose server does not answer takes
    one thread, however often it is asked for, and leaves the others to other names.
    """
    key = resolve, host, port
    with _lock:
        if key not in _going_on:
            _going_on[key] = _lookups.submit(resolve, host, port)
        found = _going_on[key]
    found.add_done_callback(lambda done: _forget(key, done))
    return found


def _forget(key: tuple[Resolve, str, int], done: "Future[Sequence[str]]") -> None:
    with _lock:
        if _going_on.get(key) is done:
            del _going_on[key]


def left(deadline: float) -> float:
    """The seconds until then, a time.monotonic(). Raises TimeoutError if there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class HeadTooLong(Exception):
    """More than MAX_HEAD_BYTES came and the answer's header is not whole."""


@dataclass
class Head:
    """How far the header of one answer has come."""

    bytes_left: int = MAX_HEAD_BYTES
    whole: bool = False

    def came(self, size: int) -> None:
        """Raises HeadTooLong."""
        if not self.whole:
            self.bytes_left -= size
            if self.bytes_left < 0:
                raise HeadTooLong


class Connector(httpcore.NetworkBackend):
    """Connects to one of these addresses, whatever name httpcore was asked for."""

    def __init__(self, addresses: Sequence[IPAddress], deadline: float) -> None:
        self.addresses = addresses
        self.deadline = deadline
        self.head = Head()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "Stream":
        """Raises OSError if none answers: the last one's."""
        failure = OSError("the name has no address")
        for number, address in enumerate(self.addresses):
            # One that does not answer may not use up the time of the others.
            share = left(self.deadline) / (len(self.addresses) - number)
            try:
                sock = socket.create_connection((str(address), port), timeout=share)
            except OSError as error:
                failure = error
            else:
                return Stream(sock, self.deadline, self.head)
        raise failure


class Stream(httpcore.NetworkStream):
    """A connection on which no read and no write lasts longer than the deadline. They raise TimeoutError."""

    def __init__(self, sock: socket.socket, deadline: float, head: Head) -> None:
        self.sock = sock
        self.deadline = deadline
        self.head = head

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.sock.settimeout(left(self.deadline))
        data = self.sock.recv(max_bytes)
        self.head.came(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            self.sock.settimeout(left(self.deadline))
            try:
                rest = rest[self.sock.send(rest) :]
            except TimeoutError:
                raise
            except OSError as error:
                # By this name httpcore knows that an answer may have come before the whole request was sent.
                raise httpcore.WriteError(str(error)) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "Stream":
        try:
            self.sock.settimeout(left(self.deadline))
            sock = ssl_context.wrap_socket(self.sock, server_hostname=server_hostname)
            return Stream(sock, self.deadline, self.head)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.sock.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":  # how httpcore learns which protocol was agreed on
            return self.sock if isinstance(self.sock, ssl.SSLSocket) else None
        return None
