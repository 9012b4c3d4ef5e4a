"""Frames between the web process and a worker: a length, then a msgpack array that names its kind.

The worker runs hostile code, so the parent believes nothing in its frames beyond their shape: lengths are
bounded, every frame carries the id of the call it belongs to, and a frame that does not fit ends the worker.
This module imports no Django: the worker uses it too.
"""

import socket
import struct
import time
from typing import Literal

import msgspec

MAX_FRAME_BYTES = 64 << 20
_LENGTH = struct.Struct("!I")


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


# --- parent to worker ---------------------------------------------------------------------------------


class Load(Frame, frozen=True):
    """Compile these bytes and keep the result under `module`. Pages have 64 KiB.

    `host_functions`: the names in `extism:host/user` that are to be offered to it.
    """

    module: str
    wasm: bytes
    max_pages: int
    host_functions: tuple[str, ...]


class Unload(Frame, frozen=True):
    module: str


class Call(Frame, frozen=True):
    """Run one function of a loaded module, in an instance of its own."""

    call_id: int
    module: str
    function: str
    payload: bytes
    config: dict[str, str]
    max_output_bytes: int


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
    message: str


class HostRequest(Frame, frozen=True):
    """What the guest asked of its `http_request`; the parent answers with a HostReply."""

    call_id: int
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class HostFunction(Frame, frozen=True):
    """The guest called a host function by name, with JSON; the parent answers with a HostReply, also JSON."""

    call_id: int
    name: str
    payload: bytes


class Result(Frame, frozen=True):
    call_id: int
    output: bytes
    start_ms: float
    run_ms: float


FailureKind = Literal["guest_error", "trap", "memory", "output_too_large", "start_failed"]


class Failure(Frame, frozen=True):
    call_id: int
    kind: FailureKind
    message: str
    start_ms: float
    run_ms: float


ToWorker = Load | Unload | Call | HostReply
Asked = HostRequest | HostFunction
FromWorker = Ready | Loaded | LoadFailed | HostRequest | HostFunction | Result | Failure

_encode = msgspec.msgpack.Encoder().encode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


class ProtocolError(Exception):
    """The other side sent something that is no frame, or no frame that fits here."""


class Closed(Exception):
    """The other side is gone."""


def send(sock: socket.socket, frame: Frame, deadline: float | None = None) -> None:
    """Raises OSError (also TimeoutError), ProtocolError if the frame is too large to send."""
    if deadline is not None:
        sock.settimeout(_left(deadline))
    body = _encode(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(body)} bytes is too large")
    sock.sendall(_LENGTH.pack(len(body)) + body)


def receive(sock: socket.socket, deadline: float | None = None) -> bytes:
    """The next frame's body. `deadline` is a time.monotonic() for the whole frame, not for each piece of it.

    Raises Closed, ProtocolError, TimeoutError, OSError.
    """
    (length,) = _LENGTH.unpack(_read_exactly(sock, _LENGTH.size, deadline))
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {length} bytes was announced")
    return _read_exactly(sock, length, deadline)


def _read_exactly(sock: socket.socket, size: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < size:
        if deadline is not None:
            sock.settimeout(_left(deadline))
        chunk = sock.recv(min(size - len(data), 1 << 20))
        if not chunk:
            raise Closed
        data += chunk
    return bytes(data)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
