"""Resolves host names and opens connections for the egress gate, within one deadline.

httpcore speaks HTTP over the connections that this module gives it. So no name is resolved a second time
between the check and the connection, which would allow DNS rebinding, and every wait counts against the same
deadline.
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

from plugins.egress.ip_policy import IPAddress

# (host, port) -> the IP addresses that the name resolves to now. Raises OSError.
Resolve = Callable[[str, int], Sequence[str]]

# The system's resolver has no timeout, so look-ups run in these threads and callers wait for a limited time.
_executor = ThreadPoolExecutor(max_workers=16, thread_name_prefix="egress-lookup")
_pending: "dict[tuple[Resolve, str, int], Future[Sequence[str]]]" = {}
_lock = threading.Lock()

# The most that may arrive before the response's headers are complete. A server may send any number of 1xx
# responses first, and each costs time. Up to 64 KiB of the body may be read with the headers; they count too.
MAX_HEAD_BYTES = 128 << 10


def system_addresses(host: str, port: int) -> list[str]:
    """Asks the operating system's resolver. Raises OSError."""
    # As bytes, because Python applies its own, outdated IDNA encoding to text.
    entries = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in entries]


def look_up(host: str, port: int, resolve: Resolve, deadline: float) -> list[IPAddress]:
    """The host's distinct IP addresses. Raises OSError, including TimeoutError at the deadline."""
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    addresses = _shared_lookup(resolve, host, port).result(timeout=seconds_left(deadline))
    return list(dict.fromkeys(map(ipaddress.ip_address, addresses)))


def _shared_lookup(resolve: Resolve, host: str, port: int) -> "Future[Sequence[str]]":
    """Concurrent look-ups of the same name share one thread.

    So a name whose DNS server does not answer blocks one thread at most and leaves the others to other names.
    """
    key = resolve, host, port
    with _lock:
        if key not in _pending:
            _pending[key] = _executor.submit(resolve, host, port)
        lookup = _pending[key]
    lookup.add_done_callback(lambda done: _forget(key, done))
    return lookup


def _forget(key: tuple[Resolve, str, int], lookup: "Future[Sequence[str]]") -> None:
    with _lock:
        if _pending.get(key) is lookup:
            del _pending[key]


def seconds_left(deadline: float) -> float:
    """Until the deadline, a time.monotonic(). Raises TimeoutError once it has passed."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class HeadTooLong(Exception):
    """MAX_HEAD_BYTES arrived without the end of the response's headers."""


@dataclass
class HeadLimit:
    """Limits what one response may send before its headers are complete."""

    bytes_left: int = MAX_HEAD_BYTES
    is_complete: bool = False

    def count(self, size: int) -> None:
        """Raises HeadTooLong."""
        if not self.is_complete:
            self.bytes_left -= size
            if self.bytes_left < 0:
                raise HeadTooLong


class Connector(httpcore.NetworkBackend):
    """Connects to one of the given addresses, whatever host httpcore asks for."""

    def __init__(self, addresses: Sequence[IPAddress], deadline: float) -> None:
        self.addresses = addresses
        self.deadline = deadline
        self.head_limit = HeadLimit()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "Stream":
        """Tries each address in turn. If all fail, raises the OSError of the last."""
        failure = OSError("the name has no address")
        for number, address in enumerate(self.addresses):
            # An address that does not answer must leave time for the others.
            share = seconds_left(self.deadline) / (len(self.addresses) - number)
            try:
                sock = socket.create_connection((str(address), port), timeout=share)
            except OSError as error:
                failure = error
            else:
                return Stream(sock, self.deadline, self.head_limit)
        raise failure


class Stream(httpcore.NetworkStream):
    """A connection whose reads and writes raise TimeoutError at the deadline."""

    def __init__(self, sock: socket.socket, deadline: float, head_limit: HeadLimit) -> None:
        self.sock = sock
        self.deadline = deadline
        self.head_limit = head_limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.sock.settimeout(seconds_left(self.deadline))
        data = self.sock.recv(max_bytes)
        self.head_limit.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            self.sock.settimeout(seconds_left(self.deadline))
            try:
                rest = rest[self.sock.send(rest) :]
            except TimeoutError:
                raise
            except OSError as error:
                # httpcore takes a WriteError to mean that the server may have responded before the whole
                # request was sent.
                raise httpcore.WriteError(str(error)) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "Stream":
        try:
            self.sock.settimeout(seconds_left(self.deadline))
            sock = ssl_context.wrap_socket(self.sock, server_hostname=server_hostname)
            return Stream(sock, self.deadline, self.head_limit)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.sock.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":  # httpcore reads the negotiated protocol from it
            return self.sock if isinstance(self.sock, ssl.SSLSocket) else None
        return None
