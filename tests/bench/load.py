"""A small HTTP load generator: keep-alive connections that each send the next request when answered."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What is sent, ready for the wire."""

    name: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    expect: int = 200

    def encode(self, port: int) -> bytes:
        headers = (("Host", f"127.0.0.1:{port}"), ("Content-Length", str(len(self.body))), *self.headers)
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass
class Figures:
    """What one request under one number of connections came to."""

    latencies_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile(self, percent: int) -> float:
        if len(self.latencies_ms) < 2:
            return self.latencies_ms[0]
        return statistics.quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1]


async def measure(port: int, request: Request, connections: int, seconds: float, into: Figures) -> None:
    """Loads the server for so long and adds what was seen. Raises RuntimeError on an unexpected answer."""
    raw = request.encode(port)
    started = time.perf_counter()
    end = started + seconds
    await asyncio.gather(*(_converse(port, raw, request, end, into) for _ in range(connections)))
    into.seconds += time.perf_counter() - started


async def _converse(port: int, raw: bytes, request: Request, end: float, into: Figures) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (sent := time.perf_counter()) < end:
            writer.write(raw)
            status = await _read_response(reader)
            into.latencies_ms.append((time.perf_counter() - sent) * 1000)
            if status != request.expect:
                raise RuntimeError(f"{request.name} answered {status}, expected {request.expect}")
    finally:
        writer.close()
        await writer.wait_closed()


async def _read_response(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return int(head[0].split()[1])
