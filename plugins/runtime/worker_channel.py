"""The web process's end of the socket to a worker, on an event loop."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Self, cast

from plugins.runtime.protocol import Closed, Frame, FrameBuffer, ProtocolError, pack

_MAX_UNREAD_BYTES = 1 << 20


class WorkerChannel(asyncio.Protocol):
    """Sends and receives whole frames. One coroutine at a time receives.

    `on_lost` is called when the socket closes, on either side. Sending never waits for the worker to read:
    the limits of the call bound what is unread, and a worker that does not read times out.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.closed = False
        self._sock = sock
        self.on_lost: Callable[[], None] = lambda: None
        self._frames = FrameBuffer()
        self._waiting: asyncio.Future[None] | None = None
        self._paused = False

    @classmethod
    async def open(cls, sock: socket.socket) -> Self:
        """Takes over a connected Unix socket."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: cls(sock), sock=sock)
        return channel

    def send(self, frame: Frame) -> None:
        """Raises Closed, and ProtocolError if the frame is too large to send."""
        self.send_packed(pack(frame))

    def send_packed(self, data: bytes) -> None:
        """Sends a frame that went through `pack` already. Raises Closed."""
        if self.closed:
            raise Closed
        self._transport.write(data)

    async def receive(self, deadline: float) -> bytes:
        """The next frame's body. `deadline`, a time.monotonic(), is for the whole frame.

        Raises Closed, ProtocolError and TimeoutError.
        """
        while (body := self._frames.take()) is None:
            if self.closed:
                raise Closed
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            await self._more(deadline)
        return body

    def check_silent(self) -> None:
        """Checks that the worker has sent nothing between calls. Raises ProtocolError if it has.

        Raises Closed if it is gone. Peeks at the socket, because the event loop may not have read it yet.
        """
        if self.closed:
            raise Closed
        if not len(self._frames):
            try:
                unread = self._sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return
            if not unread:
                raise Closed
        raise ProtocolError("it sent a frame between calls")

    def close(self) -> None:
        self._transport.abort()

    async def _more(self, deadline: float) -> None:
        """Waits for a whole frame or the end of the stream. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting = loop.create_future()
        timer = loop.call_later(max(deadline - time.monotonic(), 0), _time_out, waiting)
        try:
            await waiting
        finally:
            self._waiting = None
            timer.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        if self._waiting is not None:
            if self._frames.ready():
                _settle(self._waiting)
        elif len(self._frames) > _MAX_UNREAD_BYTES:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._waiting is not None:
            _settle(self._waiting)
        self.on_lost()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _time_out(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_exception(TimeoutError())
