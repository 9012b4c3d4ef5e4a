"""Frames between the web process and a worker: a length, then a msgpack array that names its kind.

The worker runs hostile code, so the parent believes nothing in its frames beyond their shape: lengths are
bounded, of lists and texts too, every frame carries the id of the call it belongs to, and a frame that does
not fit ends the worker.
This module imports no Django: the worker uses it too.
"""

import contextlib
import select
import socket
import struct
import time
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

MAX_FRAME_BYTES = 64 << 20
# What a guest may ask with, besides a body, and what may be told of it. In characters, but for the numbers.
MAX_METHOD, MAX_URL = 32, 8 << 10
MAX_HEADERS = 100
MAX_HEADER_NAME, MAX_HEADER_VALUE = 256, 8 << 10
MAX_LOG_LINES = 100
MAX_LOG_CHARS = 16 << 10  # of all lines together
MAX_MESSAGE = 8000
Message = Annotated[str, Meta(max_length=MAX_MESSAGE)]
_CHUNK_BYTES, _MAX_CHUNK_BYTES = 64 << 10, 1 << 20
_LENGTH = struct.Struct("!I")


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


# --- parent to worker ---------------------------------------------------------------------------------


class Load(Frame, frozen=True):
    """Compile these bytes and keep the result under `module`. Pages have 64 KiB.

    `fuel`: about how many instructions each instance may run; 0 for any number.
    `imports`: what it asks the runtime for, as namespace and name; nothing else is offered to it.
    """

    module: str
    wasm: bytes
    max_pages: int
    fuel: int
    imports: tuple[tuple[str, str], ...]


class Unload(Frame, frozen=True):
    module: str


class Try(Frame, frozen=True):
    """Make an instance of a loaded module and throw it away: answered by Settled, or by a Failure."""

    module: str


class Call(Frame, frozen=True):
    """Run one function of a loaded module, in an instance of its own. `config`: a JSON object of texts."""

    call_id: int
    module: str
    function: str
    payload: bytes
    config: bytes
    max_output_bytes: int


class Settle(Frame, frozen=True):
    """Say when nothing is left of this call, which was answered: with Settled."""

    call_id: int


class HostReply(Frame, frozen=True):
    call_id: int
    status: int
    headers: dict[str, str]
    body: bytes


# --- worker to parent ---------------------------------------------------------------------------------


class Ready(Frame, frozen=True):
    """`layers`: how each layer of the worker's confinement turned out."""

    runtime_version: str
    layers: dict[str, str]


class Loaded(Frame, frozen=True):
    module: str
    compile_ms: float


class LoadFailed(Frame, frozen=True):
    module: str
    message: Message


class HostRequest(Frame, frozen=True):
    """What the guest asked of its `http_request`; the parent answers with a HostReply."""

    call_id: int
    method: Annotated[str, Meta(max_length=MAX_METHOD)]
    url: Annotated[str, Meta(max_length=MAX_URL)]
    headers: Annotated[
        dict[
            Annotated[str, Meta(max_length=MAX_HEADER_NAME)],
            Annotated[str, Meta(max_length=MAX_HEADER_VALUE)],
        ],
        Meta(max_length=MAX_HEADERS),
    ]
    body: bytes


class HostFunction(Frame, frozen=True):
    """The guest called a host function by name, with JSON; the parent answers with a HostReply, also JSON."""

    call_id: int
    name: Annotated[str, Meta(max_length=64)]
    payload: bytes


LogLine = tuple[
    Literal["trace", "debug", "info", "warn", "error"], Annotated[str, Meta(max_length=MAX_LOG_CHARS)]
]
LogLines = Annotated[list[LogLine], Meta(max_length=MAX_LOG_LINES)]


class Result(Frame, frozen=True):
    call_id: int
    output: bytes
    start_ms: float
    run_ms: float
    logs: LogLines = []


FailureKind = Literal["guest_error", "trap", "memory", "fuel", "output_too_large", "start_failed"]


class Failure(Frame, frozen=True):
    call_id: int
    kind: FailureKind
    message: Message
    start_ms: float
    run_ms: float
    logs: LogLines = []


class Settled(Frame, frozen=True):
    """What the call left is gone, and the worker waits for the next frame."""

    call_id: int


ToWorker = Load | Unload | Try | Call | Settle | HostReply
Asked = HostRequest | HostFunction
FromWorker = Ready | Loaded | LoadFailed | HostRequest | HostFunction | Result | Failure | Settled

_encode = msgspec.msgpack.Encoder().encode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


class ProtocolError(Exception):
    """The other side sent something that is no frame, or no frame that fits here."""


class Closed(Exception):
    """The other side is gone."""


class Watch(Protocol):
    """Who has to know before the socket is closed, and then closes it (plugins.runtime.aio)."""

    def close(self) -> None: ...


class Channel:
    """One end of the socket between the two, in whole frames. For one thread at a time.

    `send` and `receive` wait; a deadline is a time.monotonic() for the whole frame, not for each piece of
    it. A worker has no deadlines and `blocks`: its socket waits by itself, which spares it half of its system
    calls. What never waits is for plugins.runtime.aio.
    """

    def __init__(self, sock: socket.socket, *, blocks: bool = False) -> None:
        sock.setblocking(blocks)
        self.sock = sock
        self.watch: Watch | None = None  # an event loop looks at the socket, too
        self._buffer = bytearray()
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable.register(sock, select.POLLOUT)

    def send(self, frame: Frame, deadline: float | None = None) -> None:
        """Raises OSError (also TimeoutError), ProtocolError if the frame is too large to send."""
        left = self.send_some(pack(frame))
        while left:
            _wait(self._writable, deadline)
            left = self.send_some(left)

    def receive(self, deadline: float | None = None) -> bytes:
        """The next frame's body. Raises Closed, ProtocolError, TimeoutError, OSError."""
        while (body := self.take()) is None:
            _wait(self._readable, deadline)
        return body

    def send_some(self, data: memoryview) -> memoryview:
        """Sends what can be sent at once; what is left. Never waits."""
        with contextlib.suppress(BlockingIOError):
            while data:
                data = data[self.sock.send(data) :]
        return data

    def take(self) -> bytes | None:
        """The next frame's body if all of it is here. Never waits. Raises Closed, ProtocolError, OSError."""
        while (body := self.take_buffered()) is None:
            missing = (self._end_of_frame() or _LENGTH.size) - len(self._buffer)
            try:
                chunk = self.sock.recv(min(max(missing, _CHUNK_BYTES), _MAX_CHUNK_BYTES))
            except BlockingIOError:
                return None
            if not chunk:
                raise Closed
            if not self._buffer and _is_one_frame(chunk):
                return chunk[_LENGTH.size :]
            self._buffer += chunk
        return body

    def take_buffered(self) -> bytes | None:
        """The next frame's body if all of it was read already. Raises ProtocolError."""
        end = self._end_of_frame()
        if end is None or len(self._buffer) < end:
            return None
        body = bytes(memoryview(self._buffer)[_LENGTH.size : end])
        del self._buffer[:end]
        return body

    def close(self) -> None:
        if self.watch is not None:
            self.watch.close()
        else:
            self.sock.close()

    def _end_of_frame(self) -> int | None:
        """Where in the buffer the next frame ends, once that is known."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_FRAME_BYTES:
            raise ProtocolError(f"a frame of {length} bytes was announced")
        return _LENGTH.size + int(length)


def pack(frame: Frame) -> memoryview:
    """The frame as it is sent. Raises ProtocolError if it is too large."""
    body = _encode(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(body)} bytes is too large")
    return memoryview(_LENGTH.pack(len(body)) + body)


def _is_one_frame(chunk: bytes) -> bool:
    """Whether this is a whole frame and nothing else, as it mostly is: then it need not be put together."""
    return len(chunk) >= _LENGTH.size and _LENGTH.unpack_from(chunk)[0] == len(chunk) - _LENGTH.size


def _wait(poll: "select.poll", deadline: float | None) -> None:
    if deadline is None:
        poll.poll()
        return
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError
