"""Frames between the web process and its workers. The web process trusts only their validated shape."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.runtime import protocol
from plugins.runtime.protocol import Channel, Closed, FrameBuffer, HostRequest, ProtocolError, Result

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(
    st.integers(0, 2**63 - 1),
    st.text(max_size=20),
    st.text(max_size=200),
    st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5),
    st.binary(max_size=3000),
)
def test_frames_arrive_unchanged(
    call_id: int, method: str, url: str, headers: dict[str, str], body: bytes
) -> None:
    frame = HostRequest(call_id, method, url, headers, body)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Channel(theirs).send(frame)
        assert protocol.decode_from_worker(Channel(ours).receive()) == frame


@given(st.lists(st.binary(max_size=300), max_size=5), st.data())
def test_frames_survive_any_split_of_the_stream(bodies: list[bytes], data: st.DataObject) -> None:
    frames = [Result(number, body, 0, 0) for number, body in enumerate(bodies)]
    stream = b"".join(map(protocol.pack, frames))
    buffer, taken = FrameBuffer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer.feed(stream[:size])
        stream = stream[size:]
        while (body := buffer.take()) is not None:
            taken.append(protocol.decode_from_worker(body))
    assert taken == frames
    assert len(buffer) == 0


@given(st.binary(max_size=500))
def test_any_bytes_give_a_frame_or_an_expected_error(raw: bytes) -> None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        protocol.decode_from_worker(raw)


@pytest.mark.parametrize(
    "frame",
    [
        HostRequest(1, "GET", "x" * (protocol.MAX_URL + 1), {}, b""),
        HostRequest(1, "G" * 33, "http://x", {}, b""),
        HostRequest(1, "GET", "http://x", {f"h{number}": "" for number in range(101)}, b""),
        HostRequest(1, "GET", "http://x", {"h" * (protocol.MAX_HEADER_NAME + 1): ""}, b""),
        HostRequest(1, "GET", "http://x", {"h": "v" * (protocol.MAX_HEADER_VALUE + 1)}, b""),
        protocol.HostFunction(1, "f" * 65, b""),
        Result(1, b"", 0, 0, [("info", "x")] * (protocol.MAX_LOG_LINES + 1)),
        Result(1, b"", 0, 0, [("info", "x" * (protocol.MAX_LOG_CHARS + 1))]),
        protocol.Failure(1, "trap", "x" * (protocol.MAX_MESSAGE + 1), 0, 0),
        protocol.LoadFailed("m", "x" * (protocol.MAX_MESSAGE + 1)),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_frames_over_a_limit_are_refused(frame: protocol.Frame, pair: Pair) -> None:
    """Each part of a frame has its own limit, because the event loop reads it before a call's own apply."""
    ours, theirs = pair
    Channel(theirs).send(frame)
    with pytest.raises(msgspec.ValidationError, match="length"):
        protocol.decode_from_worker(Channel(ours).receive())


def test_parent_refuses_frames_meant_for_workers(pair: Pair) -> None:
    ours, theirs = pair
    Channel(theirs).send(protocol.Unload("x"))
    with pytest.raises(msgspec.ValidationError):
        protocol.decode_from_worker(Channel(ours).receive())


def test_absurd_length_is_refused_before_anything_is_read(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(struct.pack("!I", 0xFFFF_FFFF))
    with pytest.raises(ProtocolError):
        Channel(ours).receive()


def test_truncated_frame_is_noticed(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(struct.pack("!I", 100) + b"half")
    theirs.close()
    with pytest.raises(Closed):
        Channel(ours).receive()


def test_too_large_a_frame_is_not_sent(pair: Pair) -> None:
    with pytest.raises(ProtocolError):
        Channel(pair[0]).send(Result(1, b"x" * (protocol.MAX_FRAME_BYTES + 1), 0, 0))
