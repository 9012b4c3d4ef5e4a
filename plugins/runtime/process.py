"""One worker as the web process holds it: started, given jobs, and killed when it breaks a rule."""

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
SETTLE_SECONDS = (
    0.5  # freeing and making an instance takes 0.3 ms; longer means the module loops as it starts
)
MODULES_PER_WORKER = 16
# Besides the guests' memory: Python, libextism and the compiled modules.
BASE_BYTES = 512 << 20
# What a worker runs. -I below: neither the environment nor the current directory decides what it imports.
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from plugins.runtime.worker import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == 'writable')"
)
_ROOT = str(Path(__file__).resolve().parents[2])
# What reading a frame raises when the worker is gone or lies. msgspec's errors are ValueErrors.
BROKEN = (Closed, OSError, ProtocolError, ValueError)


class WorkerOptions(NamedTuple):
    """`guest_memory_bytes`: for all instances in a worker. `cache_config`: made by write_cache_config."""

    guest_memory_bytes: int
    cache_config: Path


@dataclass(eq=False)
class WorkerProcess:
    """A running worker, on one event loop. Whoever took it from the pool has it alone."""

    process: subprocess.Popen[bytes]
    channel: WorkerChannel
    layers: dict[str, str] = field(default_factory=dict)
    modules: OrderedDict[str, None] = field(default_factory=OrderedDict)
    last_plugin: str = ""
    _killed: bool = False
    _cancelled: bool = False
    _last_module: str = ""  # of the last call, of which something may be left
    _last_id: int = 0
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    async def start(
        cls, options: WorkerOptions, *, cache_writable: bool = False, starter: Executor | None = None
    ) -> Self:
        """A worker that is up. With `cache_writable` it fills the compile cache, and only loads modules.

        The kernel kills a worker when the thread that started it ends (PR_SET_PDEATHSIG), so `starter` has to
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
        """Whether it may be given another call."""
        return not (self._killed or self._cancelled or self.channel.closed)

    async def settle(self, module: str) -> bool:
        """Whether it can take a call of `module`; waits until nothing of another module's call is left.

        What is left of a call of the same module takes of the next one's own time.
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
        except asyncio.CancelledError:  # the reply is still to come; the next call would take it for its own
            self._kill()
            raise
        return self.usable

    async def call(self, job: Job, handle: HostHandler) -> JobResult:
        """Runs the job; `handle` answers the guest's requests. Cancelling the task ends the worker.

        Raises WorkerErrors.
        """
        load_ms = await self.load(job)
        deadline = time.monotonic() + job.timeout_ms / 1000
        late = f"{job.timeout_ms} ms of wall-clock time were up"
        return await self._or_end(self._call(job, handle, load_ms, deadline), late)

    async def load(self, job: Job) -> float:
        """Makes sure that the worker has the module. Returns the time taken in ms.

        Raises WorkerErrors, and what reading the module raises, which costs no worker.
        """
        if job.module in self.modules:
            self.modules.move_to_end(job.module)  # the last one to be unloaded for another
            return 0.0
        # Reading and packing take a while for a large module: not on the event loop.
        started = time.monotonic()
        packed = await asyncio.to_thread(_pack_load, job)
        late = f"{LOAD_SECONDS} s for loading the module were up"
        await self._or_end(self._load(job, packed, started + LOAD_SECONDS), late)
        return (time.monotonic() - started) * 1000

    async def try_out(self, job: Job) -> None:
        """Loads the module and makes an instance of it, which may take as long as one of its calls.

        Raises WorkerErrors.
        """
        await self.load(job)
        deadline = time.monotonic() + job.timeout_ms / 1000
        reply = await self._or_end(self._try_out(job, deadline), "it was not ready in time")
        if not isinstance(reply, Settled):
            raise InvalidModule(reply.message if isinstance(reply, Failure) else "it does not start")

    def cancel(self) -> None:
        """Ends the call in progress, which then raises Cancelled."""
        self._cancelled = True
        self._kill()

    async def end(self) -> None:
        """Kills the process and everything it started, and waits until it is gone. Safe to call twice."""
        self._kill()
        self.channel.close()
        await asyncio.get_running_loop().run_in_executor(None, self.process.wait)

    def _kill(self) -> None:
        self._killed = True
        if self.process.returncode is None:  # afterwards its number may be another process's
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()

    async def _wait_ready(self) -> None:
        frame = await self._receive(time.monotonic() + BOOT_SECONDS)
        if not isinstance(frame, Ready):
            raise ProtocolError("the worker did not say that it is ready")
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
                    meter.reply(reply)
                    self.channel.send(reply)
                case _:
                    raise ProtocolError("a frame that belongs to no call of ours")

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
                raise ProtocolError("expected the end of loading")

    async def _receive(self, deadline: float) -> FromWorker:
        frame: FromWorker = decode_from_worker(await self.channel.receive(deadline))
        return frame

    async def _or_end(self, work: Awaitable[T], late: str) -> T:
        """The work's result. If it fails half-way the worker ends: its next frame would be someone else's.

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
        try:  # its socket is closed, so it is ending or gone
            code = await asyncio.get_running_loop().run_in_executor(None, self.process.wait, 1)
        except subprocess.TimeoutExpired:
            return f"the worker broke the protocol ({error})"
        return f"the worker was ended by {signal.Signals(-code).name}" if code < 0 else "the worker ended"


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
        # Nothing of the server's is passed on: no secrets, no proxy. A backtrace costs 48 ms a trap.
        env={"RUST_BACKTRACE": "0", "LANG": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )


def _pack_load(job: Job) -> bytes:
    return pack(Load(job.module, job.wasm(), job.max_pages, job.fuel, job.imports))
