"""A worker process as the web process sees it: starts it, gives it jobs, kills it when it misbehaves."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from plugins.runtime.job import (
    Cancelled,
    Crashed,
    HostHandler,
    InvalidModule,
    Job,
    JobResult,
    Meter,
    TimedOut,
)
from plugins.runtime.protocol import (
    Call,
    Closed,
    Failure,
    FromWorker,
    HostFunction,
    HostRequest,
    Load,
    Loaded,
    LoadFailed,
    ProtocolError,
    Ready,
    Result,
    Settle,
    Settled,
    Try,
    Unload,
    decode_from_worker,
    pack,
)
from plugins.runtime.worker_channel import WorkerChannel

T = TypeVar("T")
BOOT_SECONDS = 20
LOAD_SECONDS = 20
# Freeing an instance and making another takes 0.3 ms. A module that needs longer loops as it starts.
SETTLE_SECONDS = 0.5
MODULES_PER_WORKER = 16
# The memory for Python, libextism and the compiled modules, in addition to the guests' memory.
BASE_BYTES = 512 << 20
# The code that a worker runs. It runs with -I, so that neither the environment nor the current directory
# affects what it imports.
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from plugins.runtime.worker import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == 'writable')"
)
_ROOT = str(Path(__file__).resolve().parents[2])
# What reading a frame raises if the worker is gone or misbehaves. msgspec's errors are ValueErrors.
BROKEN = (Closed, OSError, ProtocolError, ValueError)


class WorkerOptions(NamedTuple):
    """`guest_memory_bytes`: for all instances in a worker. `cache_config`: from write_cache_config."""

    guest_memory_bytes: int
    cache_config: Path


@dataclass(eq=False)
class WorkerProcess:
    """A running worker, for use on one event loop by one call at a time."""

    process: subprocess.Popen[bytes]
    channel: WorkerChannel
    layers: dict[str, str] = field(default_factory=dict)
    modules: OrderedDict[str, None] = field(default_factory=OrderedDict)
    last_plugin: str = ""
    _killed: bool = False
    _cancelled: bool = False
    _last_module: str = ""  # of the last call, which may not be cleaned up yet
    _last_id: int = 0
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    async def start(
        cls, options: WorkerOptions, *, cache_writable: bool = False, starter: Executor | None = None
    ) -> Self:
        """Starts a worker and waits until it is up. With `cache_writable` it only compiles, into the cache.

        The kernel kills a worker when the thread that started it ends (PR_SET_PDEATHSIG), so `starter` must
        outlive it; by default that is the event loop's thread. Raises what BROKEN lists.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            channel = await WorkerChannel.open(ours)
            try:
                if starter is None:
                    process = _spawn(theirs, options, cache_writable)
                else:
                    loop = asyncio.get_running_loop()
                    process = await loop.run_in_executor(starter, _spawn, theirs, options, cache_writable)
            except BaseException:
                channel.close()
                raise
        worker = cls(process, channel)
        try:
            await worker._wait_ready()
        except BaseException:
            await worker.end()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def usable(self) -> bool:
        """Whether it can take another call."""
        return not (self._killed or self._cancelled or self.channel.closed)

    async def settle(self, module: str) -> bool:
        """Whether it can take a call of `module`. Waits until a call of another module is cleaned up.

        Cleaning up after a call of the same module counts towards the next call's own time.
        """
        try:
            self.channel.check_silent()
            if self._last_module and module != self._last_module:
                self.channel.send(Settle(self._last_id))
                if await self._receive(time.monotonic() + SETTLE_SECONDS) != Settled(self._last_id):
                    return False
                self._last_module = ""
        except BROKEN:
            return False
        except asyncio.CancelledError:  # the reply is still to come and would reach the next call
            self._kill()
            raise
        return self.usable

    async def call(self, job: Job, handle: HostHandler) -> JobResult:
        """Runs the job. `handle` answers the guest's requests. Cancelling the task ends the worker.

        Raises WorkerErrors.
        """
        load_ms = await self.load(job)
        deadline = time.monotonic() + job.timeout_ms / 1000
        late = f"the wall-clock limit of {job.timeout_ms} ms was reached"
        return await self._or_end(self._call(job, handle, load_ms, deadline), late)

    async def load(self, job: Job) -> float:
        """Loads the module unless the worker has it. Returns the time taken in ms.

        Raises WorkerErrors. Also raises what reading the module raises, and then the worker stays usable.
        """
        if job.module in self.modules:
            self.modules.move_to_end(job.module)  # the least recently used one is unloaded first
            return 0.0
        # Reading and packing take a while for a large module: not on the event loop.
        started = time.monotonic()
        packed = await asyncio.to_thread(_pack_load, job)
        late = f"the module did not load within {LOAD_SECONDS} s"
        await self._or_end(self._load(job, packed, started + LOAD_SECONDS), late)
        return (time.monotonic() - started) * 1000

    async def try_out(self, job: Job) -> None:
        """Loads the module and makes an instance of it, within the time limit of one call.

        Raises WorkerErrors.
        """
        await self.load(job)
        deadline = time.monotonic() + job.timeout_ms / 1000
        reply = await self._or_end(self._try_out(job, deadline), "the module did not start in time")
        if not isinstance(reply, Settled):
            raise InvalidModule(reply.message if isinstance(reply, Failure) else "it cannot be instantiated")

    def cancel(self) -> None:
        """Ends the call in progress, which then raises Cancelled."""
        self._cancelled = True
        self._kill()

    async def end(self) -> None:
        """Kills the process and everything it started, and waits until it is gone. Safe to call twice."""
        self._kill()
        self.channel.close()
        # Shielded, because a process that nothing waits for stays behind as a zombie.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self.process.wait))

    def _kill(self) -> None:
        self._killed = True
        if self.process.returncode is None:  # otherwise its pid may belong to another process by now
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()

    async def _wait_ready(self) -> None:
        frame = await self._receive(time.monotonic() + BOOT_SECONDS)
        if not isinstance(frame, Ready):
            raise ProtocolError("it did not report that it was ready")
        self.layers = frame.layers

    async def _call(self, job: Job, handle: HostHandler, load_ms: float, deadline: float) -> JobResult:
        meter = Meter(job)
        call_id = self._last_id = next(self._ids)
        self._last_module = job.module
        self.channel.send(
            Call(call_id, job.module, job.function, job.payload, job.config, job.max_output_bytes)
        )
        while True:
            frame = await self._receive(deadline)
            match frame:
                case Result(call_id=id_) | Failure(call_id=id_) if id_ == call_id:
                    return JobResult(frame, load_ms, meter.host_ms)
                case HostRequest(call_id=id_) | HostFunction(call_id=id_) if id_ == call_id:
                    meter.request(frame)
                    reply = await handle(frame, deadline)
                    if time.monotonic() >= deadline:  # or a quick guest could still answer, on a busy machine
                        raise TimeoutError
                    meter.reply(reply)
                    self.channel.send(reply)
                case _:
                    raise ProtocolError("it sent a frame that does not belong to the call")

    async def _try_out(self, job: Job, deadline: float) -> FromWorker:
        self.channel.send(Try(job.module))
        return await self._receive(deadline)

    async def _load(self, job: Job, packed: bytes, deadline: float) -> None:
        while len(self.modules) >= MODULES_PER_WORKER:
            oldest, _ = self.modules.popitem(last=False)
            self.channel.send(Unload(oldest))
        self.channel.send_packed(packed)
        match await self._receive(deadline):
            case Loaded(module=job.module):
                self.modules[job.module] = None
            case LoadFailed(message=message):
                raise InvalidModule(message)
            case _:
                raise ProtocolError("it did not report the end of loading")

    async def _receive(self, deadline: float) -> FromWorker:
        frame: FromWorker = decode_from_worker(await self.channel.receive(deadline))
        return frame

    async def _or_end(self, work: Awaitable[T], late: str) -> T:
        """The work's result. If it fails midway, the worker ends: its next frame would reach another call.

        Raises WorkerErrors, and whatever else the work raises.
        """
        try:
            return await work
        except InvalidModule:
            raise
        except TimeoutError as error:
            await self.end()
            raise TimedOut(late) from error
        except BROKEN as error:
            cause = await self._cause_of_death(error)
            await self.end()
            raise (Cancelled() if self._cancelled else Crashed(cause)) from error
        except asyncio.CancelledError:
            self._kill()
            raise
        except BaseException:
            await self.end()
            raise

    async def _cause_of_death(self, error: Exception) -> str:
        if not isinstance(error, Closed | ConnectionError):
            return f"the worker broke the protocol ({error})"
        try:  # its socket is closed, so it is about to end or has ended
            code = await asyncio.get_running_loop().run_in_executor(None, self.process.wait, 1)
        except subprocess.TimeoutExpired:
            return f"the worker broke the protocol ({error})"
        return f"the worker was killed by {signal.Signals(-code).name}" if code < 0 else "the worker exited"


def _spawn(theirs: socket.socket, options: WorkerOptions, cache_writable: bool) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-c",
            BOOT,
            _ROOT,
            str(theirs.fileno()),
            str(BASE_BYTES + options.guest_memory_bytes),
            str(options.cache_config),
            "writable" if cache_writable else "readable",
        ],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        # Nothing from the server's environment: no secrets, no proxy. A backtrace would cost 48 ms per trap.
        env={"RUST_BACKTRACE": "0", "LANG": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )


def _pack_load(job: Job) -> bytes:
    return pack(Load(job.module, job.wasm(), job.max_pages, job.fuel, job.imports))
