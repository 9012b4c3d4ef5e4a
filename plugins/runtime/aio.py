"""The event loop's way of speaking with a worker: as Channel's, but nobody's thread waits."""

import asyncio
import time

from plugins.runtime.protocol import Channel, Frame, pack


async def send(channel: Channel, frame: Frame, deadline: float) -> None:
    """Raises ProtocolError, TimeoutError, OSError."""
    left = channel.send_some(pack(frame))
    while left:
        await _until(channel, deadline, writable=True)
        left = channel.send_some(left)


async def receive(channel: Channel, deadline: float) -> bytes:
    """The next frame's body. Raises Closed, ProtocolError, TimeoutError, OSError."""
    body = channel.take_buffered()
    while body is None:
        await _until(channel, deadline)
        body = channel.take()
    return body


async def _until(channel: Channel, deadline: float, *, writable: bool = False) -> None:
    """Waits until the socket can be read, or written. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[bool] = loop.create_future()

    def settle(in_time: bool) -> None:
        if not ready.done():
            ready.set_result(in_time)

    add, remove = (loop.add_writer, loop.remove_writer) if writable else (loop.add_reader, loop.remove_reader)
    add(channel.sock, settle, True)
    timer = loop.call_later(max(deadline - time.monotonic(), 0), settle, False)
    try:
        if not await ready:
            raise TimeoutError
    finally:
        timer.cancel()
        remove(channel.sock)
