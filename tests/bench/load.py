"""The load generator: keep-alive connections that each send a request as soon as the last one is answered.

It runs in its own process and does as little as possible, so that the figures are the server's.
"""

import asyncio
import multiprocessing
import re
import statistics
import time
from array import array
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, cast

import uvloop

_PATIENCE_SECONDS = 30  # for answers that are outstanding when the time is up
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class WrongAnswer(Exception):
    """The server gave an unexpected answer, so its figures would be meaningless."""


@dataclass(frozen=True)
class Request:
    """A request and the response it must get. `answer` is the whole body, or None if the body varies."""

    name: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int = 200
    answer: bytes | None = None

    def encode(self, port: int) -> bytes:
        headers = (("Host", f"127.0.0.1:{port}"), ("Content-Length", str(len(self.body))), *self.headers)
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Figures(NamedTuple):
    """The result of one round: requests per second, and latencies in milliseconds."""

    per_second: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, latencies_seconds: "array[float]", seconds: float) -> "Figures":
        count = len(latencies_seconds)
        if count == 1:
            return cls(1 / seconds, *[latencies_seconds[0] * 1000] * 3)
        cuts = statistics.quantiles(latencies_seconds, n=100, method="inclusive")
        return cls(count / seconds, *(cuts[percent - 1] * 1000 for percent in (50, 95, 99)))


class Generator:
    """Runs one load at a time in the other process."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def measure(self, port: int, request: Request, connections: int, seconds: float) -> Figures:
        """Sends requests to 127.0.0.1:port for `seconds`. With 0, each connection sends one request.

        Raises WrongAnswer, OSError or TimeoutError.
        """
        return self._executor.submit(_measure, port, request, connections, seconds).result()


@contextmanager
def generator() -> Iterator[Generator]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield Generator(executor)


def _measure(port: int, request: Request, connections: int, seconds: float) -> Figures:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(port, request, connections, seconds))


async def _load(port: int, request: Request, connections: int, seconds: float) -> Figures:
    loop = asyncio.get_running_loop()
    round_ = _Round(request, request.encode(port), loop.create_future())
    clients: list[_Client] = []
    try:
        for _ in range(connections):
            _, client = await loop.create_connection(lambda: _Client(round_), "127.0.0.1", port)
            clients.append(client)
        async with asyncio.timeout(seconds + _PATIENCE_SECONDS):
            return await round_.run(clients, seconds)
    finally:
        for client in clients:
            client.close()


class _Round:
    """The state that the connections of one measurement share."""

    def __init__(self, request: Request, raw: bytes, finished: "asyncio.Future[None]") -> None:
        self.request = request
        self.raw = raw
        self.finished = finished
        self.latencies = array("d")
        self.end = 0.0
        self.running = 0

    async def run(self, clients: "list[_Client]", seconds: float) -> Figures:
        started = time.perf_counter()
        self.end = started + seconds
        self.running = len(clients)
        for client in clients:
            client.send()
        await self.finished
        return Figures.of(self.latencies, time.perf_counter() - started)

    def client_is_done(self) -> None:
        self.running -= 1
        if not self.running and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.finished.done():
            self.finished.set_exception(error)


class _Client(asyncio.Protocol):
    def __init__(self, round_: _Round) -> None:
        self.round = round_
        self.received = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own type is not registered as one

    def connection_lost(self, error: Exception | None) -> None:
        self.round.fail(error or ConnectionError(f"{self.round.request.name} closed the connection"))

    def close(self) -> None:
        self.transport.abort()

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(self.round.raw)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.received = self.received + data if self.received else data
        try:
            whole = _is_expected(self.received, self.round.request)
        except WrongAnswer as error:
            self.round.fail(error)
            return
        if not whole:
            return
        self.received = b""
        self.round.latencies.append(now - self.sent_at)
        if now < self.round.end:
            self.send()
        else:
            self.round.client_is_done()


def _is_expected(data: bytes, request: Request) -> bool:
    """Whether the whole answer has arrived. Raises WrongAnswer if it is not the expected one."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    length = _LENGTH.search(data, 0, head_end + 2)
    if length is None:
        raise WrongAnswer(f"{request.name} sends no Content-Length: {data[:head_end]!r}")
    body, size = data[head_end + 4 :], int(length[1])
    if len(body) < size:
        return False
    status = int(data[9:12])
    wrong_body = len(body) > size if request.answer is None else body != request.answer
    if status != request.status or wrong_body:
        raise WrongAnswer(
            f"{request.name} answered {status} {body[:300]!r}, expected {request.status} {request.answer!r}"
        )
    return True
