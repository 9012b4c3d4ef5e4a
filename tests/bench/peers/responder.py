"""Answers every request with the same bytes without reading it, which shows the load generator's own limit.

python -m tests.bench.peers.responder PORT
"""

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"status":"ok"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class Responder(asyncio.Protocol):
    """Treats each chunk that arrives as one whole request, which is how the load generator sends them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own type is not registered as one

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
