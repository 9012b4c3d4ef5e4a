"""One worker as the web process holds it: started, spoken to, and killed when it breaks a rule."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins.runtime import aio
from plugins.runtime.job import (
    AsyncHostHandler,
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
    Asked,
    Call,
    Channel,
    Closed,
    Failure,
    FromWorker,
    HostFunction,
    HostReply,
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
)

logger = logging.getLogger("hostbridge.runtime")

BOOT_SECONDS = 20
LOAD_SECONDS = 20
SETTLE_SECONDS = 0.5  # freeing and making an instance take 0.3 ms; more is a module that loops as it starts
MODULES_PER_WORKER = 16
# -I: neither the environment nor the current directory decides what a worker imports.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from plugins.runtime.worker import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == 'writable')"
)
_ROOT = str(Path(__file__).resolve().parents[2])

# One call, step by step: what to send, or what to ask of the host.
Conversation = Generator[Call | HostReply | Asked, Any, JobResult]


@dataclass(eq=False)
class WorkerProcess:
    """A running worker. Not thread-safe, but for `cancel`: whoever took it from the pool has it alone."""

    process: subprocess.Popen[bytes]
    channel: Channel
    modules: OrderedDict[str, None] = field(default_factory=OrderedDict)
    last_plugin: str = ""
    layers: dict[str, str] | None = None
    _killed: bool = False
    _cancelled: bool = False
    _last_module: str = ""  # of the last call: something of it may be left
    _last_id: int = 0
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def start(cls, *, memory_bytes: int, cache_config: Path, cache_writable: bool = False) -> "WorkerProcess":
        """Starts the process and returns at once; the first call waits until it is up.

        With `cache_writable` it fills the compile cache, and is good for `compile` only.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-c",
                    _BOOT,
                    _ROOT,
                    str(theirs.fileno()),
                    str(memory_bytes),
                    str(cache_config),
                    "writable" if cache_writable else "readable",
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # Nothing of ours is handed on: no secrets, no proxy. A backtrace costs 48 ms a trap.
                env={"RUST_BACKTRACE": "0", "LANG": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
        return cls(process, Channel(ours))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def usable(self) -> bool:
        """Whether it may be given another call."""
        return not self._killed and not self._cancelled

    def settle(self, module: str) -> bool:
        """Whether it can be sent a call of `module`; waits until nothing of another module's call is left.

        What is left of a call of the same module is part of the next one's time: it waits for itself.
        """
        try:
            if not self._settled_for(module):
                deadline = time.monotonic() + SETTLE_SECONDS
                self.channel.send(Settle(self._last_id), deadline)
                self._settled(self.channel.receive(deadline))
        except (Closed, OSError, ProtocolError, ValueError):
            return False
        return self.usable

    async def settle_async(self, module: str) -> bool:
        """As `settle`, on the event loop."""
        try:
            if not self._settled_for(module):
                deadline = time.monotonic() + SETTLE_SECONDS
                await aio.send(self.channel, Settle(self._last_id), deadline)
                self._settled(await aio.receive(self.channel, deadline))
        except (Closed, OSError, ProtocolError, ValueError):
            return False
        return self.usable

    def _settled_for(self, module: str) -> bool:
        """Whether there is nothing to ask. Raises Closed if the worker is gone, ProtocolError if it spoke."""
        if self.channel.take() is not None:
            raise ProtocolError("a frame that nobody asked for")
        return not self._last_module or module == self._last_module

    def _settled(self, body: bytes) -> None:
        """Raises ProtocolError and ValueError."""
        if decode_from_worker(body) != Settled(self._last_id):
            raise ProtocolError("it did not say that it is ready for another call")
        self._last_module = ""

    def call(self, job: Job, handle: HostHandler) -> JobResult:
        """Runs the job, answering the guest's host requests with `handle` in this thread.

        Raises WorkerErrors.
        """
        load_ms = self.load(job)
        deadline = time.monotonic() + job.timeout_ms / 1000
        conversation = self._conversation(job, load_ms)
        step = next(conversation)
        try:
            while True:
                if isinstance(step, HostRequest | HostFunction):
                    step = conversation.send(handle(step, deadline))
                else:
                    self.channel.send(step, deadline)
                    step = conversation.send(self._receive(deadline))
        except StopIteration as end:
            answer: JobResult = end.value
            return answer
        except BaseException as error:
            raise self._broken_off(error, f"{job.timeout_ms} ms of wall-clock time were up") from error

    async def call_async(self, job: Job, handle: AsyncHostHandler) -> JobResult:
        """As `call`, on the event loop. A task that is cancelled takes the worker with it."""
        loop = asyncio.get_running_loop()
        load_ms = 0.0
        if not self._has(job.module):
            load_ms = await loop.run_in_executor(None, self.load, job)
        deadline = time.monotonic() + job.timeout_ms / 1000
        conversation = self._conversation(job, load_ms)
        step = next(conversation)
        try:
            while True:
                if isinstance(step, HostRequest | HostFunction):
                    step = conversation.send(await handle(step, deadline))
                else:
                    await aio.send(self.channel, step, deadline)
                    body = await aio.receive(self.channel, deadline)
                    step = conversation.send(decode_from_worker(body))
        except StopIteration as end:
            answer: JobResult = end.value
            return answer
        except asyncio.CancelledError:
            self._killed = True
            self._end_process()
            raise
        except BaseException as error:
            why = f"{job.timeout_ms} ms of wall-clock time were up"
            raise await loop.run_in_executor(None, self._broken_off, error, why) from error

    def load(self, job: Job) -> float:
        """Makes sure that the worker has the module; how many milliseconds that took. Raises WorkerErrors."""
        try:
            self.wait_ready()
            return self._load(job)
        except InvalidModule:
            raise
        except BaseException as error:
            raise self._broken_off(error, f"{LOAD_SECONDS} s for loading the module were up") from error

    def try_out(self, job: Job) -> None:
        """Loads the job's module and makes an instance of it, which may take as long as a call of it.

        Raises WorkerErrors.
        """
        self.load(job)
        deadline = time.monotonic() + job.timeout_ms / 1000
        try:
            self.channel.send(Try(job.module), deadline)
            found = self._receive(deadline)
        except BaseException as error:
            raise self._broken_off(error, "it was not ready in time") from error
        if not isinstance(found, Settled):
            raise InvalidModule(found.message if isinstance(found, Failure) else "it does not start")

    def _broken_off(self, error: BaseException, why_late: str) -> BaseException:
        """Ends the worker in the middle of what it did: nobody may be given what it would say next.

        What to raise for the `error`.
        """
        if isinstance(error, TimeoutError):
            self.kill()
            return TimedOut(why_late)
        if isinstance(error, Closed | OSError | ProtocolError | ValueError):
            cause = self._cause_of_death(error)
            self.kill()
            return Cancelled() if self._cancelled else Crashed(cause)
        self.kill()
        return error

    def cancel(self) -> None:
        """Ends the call that is going on, from any thread; `call` then raises Cancelled."""
        self._cancelled = True
        self._end_process()

    def kill(self) -> None:
        """Ends the process and everything it started, and waits until it is gone. Safe to call twice."""
        self._killed = True
        if self.process.returncode is None:  # afterwards the number may be somebody else's
            self._end_process()
        self.process.wait()
        self.channel.close()

    def _end_process(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()

    def wait_ready(self) -> dict[str, str]:
        """Waits until the worker is up; how the layers of its confinement turned out.

        Raises Closed, OSError (also TimeoutError) and ProtocolError: the worker is of no use then.
        """
        if self.layers is None:
            frame = self._receive(time.monotonic() + BOOT_SECONDS)
            if not isinstance(frame, Ready):
                raise ProtocolError("the worker did not say that it is ready")
            self.layers = frame.layers
        return self.layers

    def _has(self, module: str) -> bool:
        """Whether the module is loaded; if so, it is the last one to be unloaded for another."""
        if module not in self.modules:
            return False
        self.modules.move_to_end(module)
        return True

    def _load(self, job: Job) -> float:
        if self._has(job.module):
            return 0.0
        started = time.monotonic()
        deadline = started + LOAD_SECONDS
        while len(self.modules) >= MODULES_PER_WORKER:
            oldest, _ = self.modules.popitem(last=False)
            self.channel.send(Unload(oldest), deadline)
        frame = Load(job.module, job.wasm(), job.max_pages, job.fuel, job.imports)
        self.channel.send(frame, deadline)
        match self._receive(deadline):
            case Loaded(module=job.module):
                self.modules[job.module] = None
            case LoadFailed(message=message):
                raise InvalidModule(message)
            case _:
                raise ProtocolError("expected the end of loading")
        return (time.monotonic() - started) * 1000

    def _conversation(self, job: Job, load_ms: float) -> Conversation:
        """One call, without waiting for anything: whoever drives it does that.

        A Call or HostReply that it yields is to be sent, and answered with the next frame that comes; what
        the guest asked, with the host's reply.
        """
        meter = Meter(job)
        call_id = self._last_id = next(self._ids)
        self._last_module = job.module
        reply = yield Call(call_id, job.module, job.function, job.payload, job.config, job.max_output_bytes)
        while True:
            match reply:
                case Result(call_id=id_) | Failure(call_id=id_) if id_ == call_id:
                    return JobResult(reply, load_ms, meter.host_ms)
                case HostRequest(call_id=id_) | HostFunction(call_id=id_) if id_ == call_id:
                    meter.asked(reply)
                    answer = yield reply
                    meter.answered(answer)
                    reply = yield answer
                case _:
                    raise ProtocolError("a frame that belongs to no call of ours")

    def _receive(self, deadline: float) -> FromWorker:
        frame: FromWorker = decode_from_worker(self.channel.receive(deadline))
        return frame

    def _cause_of_death(self, error: Exception) -> str:
        if isinstance(error, Closed | ConnectionError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(timeout=1)  # its socket is closed, so it is ending or gone
                return (
                    f"the worker was ended by {signal.Signals(-code).name}"
                    if code < 0
                    else "the worker ended"
                )
        return f"the worker broke the protocol ({error})"
