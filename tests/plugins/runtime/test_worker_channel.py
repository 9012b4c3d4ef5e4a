"""The web process's end of the socket to a worker, which may send anything."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable

import pytest

from plugins.runtime.protocol import Closed, ProtocolError, Result, Unload, decode_from_worker, pack
from plugins.runtime.worker_channel import WorkerChannel

RESULT = Result(1, b"output", 0, 0)


def with_channel(test: Callable[[WorkerChannel, socket.socket], Awaitable[None]]) -> None:
    """Runs the test with a channel and the worker's end of its socket."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            channel = await WorkerChannel.open(ours)
            try:
                await test(channel, theirs)
            finally:
                channel.close()
                await asyncio.sleep(0)

    asyncio.run(run())


def soon(seconds: float = 5) -> float:
    return time.monotonic() + seconds


def test_frame_can_arrive_in_pieces() -> None:
    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        raw = pack(RESULT)
        worker.sendall(raw[:7])
        receiving = asyncio.create_task(channel.receive(soon()))
        await asyncio.sleep(0.01)
        worker.sendall(raw[7:])
        assert decode_from_worker(await receiving) == RESULT

    with_channel(test)


def test_frames_in_one_chunk_are_received_one_by_one() -> None:
    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        worker.sendall(pack(RESULT) * 2)
        for _ in range(2):
            assert decode_from_worker(await channel.receive(soon())) == RESULT

    with_channel(test)


def test_deadline_is_for_the_whole_frame() -> None:
    """Otherwise a worker could extend its deadline by sending single bytes."""

    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        async def dribble() -> None:
            worker.sendall(struct.pack("!I", 1000))
            while True:
                worker.sendall(b"x")
                await asyncio.sleep(0.02)

        dribbling = asyncio.create_task(dribble())
        with pytest.raises(TimeoutError):
            await channel.receive(soon(0.2))
        assert not dribbling.done(), "each byte extended the deadline"
        dribbling.cancel()

    with_channel(test)


def test_past_deadline_times_out() -> None:
    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        with pytest.raises(TimeoutError):
            await channel.receive(time.monotonic() - 1)

    with_channel(test)


def test_absurd_length_is_refused_before_the_rest_arrives() -> None:
    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        worker.sendall(struct.pack("!I", 0xFFFF_FFFF))
        with pytest.raises(ProtocolError):
            await channel.receive(soon())

    with_channel(test)


def test_closed_socket_is_noticed() -> None:
    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        lost: list[bool] = []
        channel.on_lost = lambda: lost.append(True)
        worker.sendall(pack(RESULT) + pack(RESULT)[:7])
        worker.shutdown(socket.SHUT_RDWR)
        assert decode_from_worker(await channel.receive(soon())) == RESULT
        with pytest.raises(Closed):
            await channel.receive(soon())
        assert lost == [True]
        with pytest.raises(Closed):
            channel.send(Unload("x"))

    with_channel(test)


def test_frame_between_calls_is_noticed() -> None:
    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        channel.check_silent()
        worker.sendall(b"x")
        await asyncio.sleep(0.05)
        with pytest.raises(ProtocolError):
            channel.check_silent()

    with_channel(test)


def test_unreceived_data_is_bounded() -> None:
    async def test(channel: WorkerChannel, worker: socket.socket) -> None:
        worker.setblocking(False)
        sent = 0
        for _ in range(200):
            try:
                sent += worker.send(b"x" * (1 << 20))
            except BlockingIOError:
                await asyncio.sleep(0.005)
        assert sent < 16 << 20

    with_channel(test)
