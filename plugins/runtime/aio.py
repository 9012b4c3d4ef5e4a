"""The event loop's way of speaking with a worker: as Channel's, but nobody's thread waits."""

import asyncio
import time

from plugins.runtime.protocol import Channel, Frame, pack


async def send(channel: Channel, frame: Frame, deadline: float) -> None:
    """Raises ProtocolError, TimeoutError, OSError."""
    left = channel.send_some(pack(frame))
    while left:
        await _writable(channel, deadline)
        left = channel.send_some(left)


async def receive(channel: Channel, deadline: float) -> bytes:
    """The next frame's body. Raises Closed, ProtocolError, TimeoutError, OSError."""
    body = channel.take_buffered()
    while body is None:
        await _readable(channel, deadline)
        body = channel.take()
    return body


class Watch:
    """Wakes whoever waits until a channel's socket can be read.

    It stays with the event loop between calls: to come and go with each takes ten system calls. When there is
    something to read that nobody here waits for, it goes: a thread may have the worker now, or it is dead.
    """

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: asyncio.Future[bool] | None = None
        self._channel = channel
        channel.watch = self
        loop.add_reader(channel.sock, self._wake)

    def close(self) -> None:
        """Ends it and then closes the socket, whose number the next one may get. From any thread."""
        try:
            self.loop.call_soon_threadsafe(self._close)
        except RuntimeError:  # the loop is closed
            self._channel.sock.close()

    def _wake(self) -> None:
        if self.waiting is None:
            self._end()
        else:
            _settle(self.waiting, True)

    def _end(self) -> None:
        self._channel.watch = None
        self.loop.remove_reader(self._channel.sock)

    def _close(self) -> None:
        if self._channel.watch is self:
            self._end()
        self._channel.sock.close()


async def _readable(channel: Channel, deadline: float) -> None:
    """Waits until the socket can be read. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    watch = channel.watch
    if not isinstance(watch, Watch) or watch.loop is not loop:
        watch = Watch(channel, loop)
    watch.waiting = ready = loop.create_future()
    try:
        await _until(ready, deadline)
    finally:
        watch.waiting = None


async def _writable(channel: Channel, deadline: float) -> None:
    """Waits until the socket can be written. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[bool] = loop.create_future()
    loop.add_writer(channel.sock, _settle, ready, True)
    try:
        await _until(ready, deadline)
    finally:
        loop.remove_writer(channel.sock)


async def _until(ready: "asyncio.Future[bool]", deadline: float) -> None:
    """Raises TimeoutError if the future is not settled in time."""
    timer = ready.get_loop().call_later(max(deadline - time.monotonic(), 0), _settle, ready, False)
    try:
        if not await ready:
            raise TimeoutError
    finally:
        timer.cancel()


def _settle(ready: "asyncio.Future[bool]", in_time: bool) -> None:
    if not ready.done():
        ready.set_result(in_time)
