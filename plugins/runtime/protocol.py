"""The frames that the web process and a worker exchange: a length, then a msgpack array that names its type.

The worker runs hostile code, so the parent validates the shape of its frames and trusts nothing else about
them. All lengths are bounded, including those of lists and strings. Every frame of a call carries the call's
id. An invalid or unexpected frame ends the worker.

The worker imports this module too, so it must not import Django.
"""

import socket
import struct
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_FRAME_BYTES = 64 << 20
# Limits on a guest's request apart from its body, and on a worker's reports. In characters, unless a count.
MAX_METHOD, MAX_URL = 32, 8 << 10
MAX_HEADERS = 100
MAX_HEADER_NAME, MAX_HEADER_VALUE = 256, 8 << 10
MAX_LOG_LINES = 100
MAX_LOG_CHARS = 16 << 10  # all lines together
MAX_MESSAGE = 8000
Message = Annotated[str, Meta(max_length=MAX_MESSAGE)]
_CHUNK_BYTES, _MAX_CHUNK_BYTES = 64 << 10, 1 << 20  # the smallest and the largest read
_LENGTH = struct.Struct("!I")


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


# --- parent to worker ---------------------------------------------------------------------------------


class Load(Frame, frozen=True):
    """Compile `wasm` and store the result as `module`. A page is 64 KiB.

    `fuel`: about how many instructions each instance may run; 0 means no limit. `imports`: the (namespace,
    name) pairs that the module imports; the worker offers no others.
    """

    module: str
    wasm: bytes
    max_pages: int
    fuel: int
    imports: tuple[tuple[str, str], ...]


class Unload(Frame, frozen=True):
    module: str


class Try(Frame, frozen=True):
    """Make an instance of a loaded module and discard it. The reply is Settled or a Failure."""

    module: str


class Call(Frame, frozen=True):
    """Run a function of a loaded module, in a fresh instance. `config`: a JSON object with string values."""

    call_id: int
    module: str
    function: str
    payload: bytes
    config: bytes
    max_output_bytes: int


class Settle(Frame, frozen=True):
    """Reply with Settled once everything left over from this call, which has ended, is cleaned up."""

    call_id: int


class HostReply(Frame, frozen=True):
    call_id: int
    status: int
    headers: dict[str, str]
    body: bytes


# --- worker to parent ---------------------------------------------------------------------------------


class Ready(Frame, frozen=True):
    """The worker is up. `layers`: the status of each sandbox layer."""

    runtime_version: str
    layers: dict[str, str]


class Loaded(Frame, frozen=True):
    module: str
    compile_ms: float


class LoadFailed(Frame, frozen=True):
    module: str
    message: Message


class HostRequest(Frame, frozen=True):
    """The guest called `http_request`. The parent sends a HostReply."""

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
    """The guest called a host function by name, with JSON. The parent sends a HostReply, also JSON."""

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
    """The call is cleaned up, and the worker waits for the next frame."""

    call_id: int


ToWorker = Load | Unload | Try | Call | Settle | HostReply
GuestRequest = HostRequest | HostFunction
FromWorker = Ready | Loaded | LoadFailed | HostRequest | HostFunction | Result | Failure | Settled

_encode = msgspec.msgpack.Encoder().encode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


class ProtocolError(Exception):
    """The other side sent bytes that are not a frame, or a frame that is not expected now."""


class Closed(Exception):
    """The other side is gone."""


class FrameBuffer:
    """Splits a stream of bytes into frames."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._whole: bytes | None = None  # most chunks are exactly one frame and need no copy

    def __len__(self) -> int:
        """The number of buffered bytes."""
        return len(self._data) + len(self._whole or b"")

    def feed(self, chunk: bytes) -> None:
        if self._whole is not None:
            self._data += self._whole
            self._whole = None
        if not self._data and _is_one_frame(chunk):
            self._whole = chunk
        else:
            self._data += chunk

    def take(self) -> bytes | None:
        """The body of the next frame, or None until it is complete. Raises ProtocolError."""
        if self._whole is not None:
            whole, self._whole = self._whole, None
            return whole[_LENGTH.size :]
        end = self._end_of_frame()
        if end is None or len(self._data) < end:
            return None
        body = bytes(memoryview(self._data)[_LENGTH.size : end])
        del self._data[:end]
        return body

    def ready(self) -> bool:
        """Whether `take` would return a frame or raise."""
        try:
            end = self._end_of_frame()
        except ProtocolError:
            return True
        return self._whole is not None or (end is not None and len(self._data) >= end)

    def wanted(self) -> int:
        """How many bytes to read next."""
        missing = (self._end_of_frame() or _LENGTH.size) - len(self._data)
        return min(max(missing, _CHUNK_BYTES), _MAX_CHUNK_BYTES)

    def _end_of_frame(self) -> int | None:
        """Where the next frame ends, once its length is known."""
        if len(self._data) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._data)
        if length > MAX_FRAME_BYTES:
            raise ProtocolError(f"it announced a frame of {length} bytes")
        return _LENGTH.size + int(length)


class Channel:
    """The worker's end of the socket. It blocks without a deadline: the parent enforces all deadlines.

    The parent's end is plugins.runtime.worker_channel.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._frames = FrameBuffer()

    def send(self, frame: Frame) -> None:
        """Raises OSError, and ProtocolError if the frame is too large to send."""
        self.sock.sendall(pack(frame))

    def receive(self) -> bytes:
        """The next frame's body. Raises Closed, ProtocolError and OSError."""
        while (body := self._frames.take()) is None:
            chunk = self.sock.recv(self._frames.wanted())
            if not chunk:
                raise Closed
            self._frames.feed(chunk)
        return body


def pack(frame: Frame) -> bytes:
    """The bytes to send. Raises ProtocolError if the frame is too large."""
    body = _encode(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(body)} bytes is too large")
    return _LENGTH.pack(len(body)) + body


def _is_one_frame(chunk: bytes) -> bool:
    return len(chunk) >= _LENGTH.size and _LENGTH.unpack_from(chunk)[0] == len(chunk) - _LENGTH.size
