"""One worker as the web process holds it: started, spoken to, and killed when it breaks a rule."""

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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

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

HostHandler = Callable[[Asked], HostReply]


class WorkerError(Exception):
    """The call came to no answer. After all but the last the worker is dead.

    ├── TimedOut       wall-clock time was up
    ├── LimitReached   it asked the host for more than it may in one call
    ├── Cancelled      somebody ended it
    ├── Crashed        the worker died, or broke the protocol
    └── InvalidModule  the bytes do not compile or import what is not offered
    """


class TimedOut(WorkerError):
    pass


class LimitReached(WorkerError):
    """`limit`: the manifest's name of it."""

    def __init__(self, limit: str, allowed: int) -> None:
        super().__init__(limit, allowed)
        self.limit = limit
        self.allowed = allowed


class Cancelled(WorkerError):
    pass


class Crashed(WorkerError):
    pass


class InvalidModule(WorkerError):
    pass


@dataclass(frozen=True)
class Job:
    """One call, as the runtime needs it. `wasm` is asked for only when a worker lacks the module.

    `fuel`: about how many instructions it may run; 0 for any number. `max_bridge_bytes`: what may cross the
    bridge, both ways together.
    """

    sha256: str
    wasm: Callable[[], bytes]
    function: str
    payload: bytes
    config: dict[str, str]
    timeout_ms: int
    max_pages: int
    max_output_bytes: int
    max_host_calls: int
    max_bridge_bytes: int
    fuel: int = 0
    host_functions: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"{self.sha256}:{self.max_pages}:{self.fuel}"


@dataclass(frozen=True)
class Answer:
    """What came back, and where the time went (milliseconds)."""

    reply: Result | Failure
    load_ms: float
    host_ms: float


class _Meter:
    """Counts what one call asks of the host."""

    def __init__(self, job: Job) -> None:
        self.host_ms = 0.0
        self._calls_left = job.max_host_calls
        self._bytes_left = job.max_bridge_bytes
        self._job = job

    def count(self, asked: Asked, handle: HostHandler) -> HostReply:
        """What `handle` answers. Raises LimitReached."""
        self._calls_left -= 1
        if self._calls_left < 0:
            raise LimitReached("max_host_calls", self._job.max_host_calls)
        self._take(len(asked.body if isinstance(asked, HostRequest) else asked.payload))
        started = time.monotonic()
        reply = handle(asked)
        self.host_ms += (time.monotonic() - started) * 1000
        self._take(len(reply.body))
        return reply

    def _take(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise LimitReached("max_bridge_kb", self._job.max_bridge_bytes >> 10)


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
    _unsettled: bool = False
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

    def settle(self) -> bool:
        """Waits until nothing of the last call is left; False if that does not come to an end."""
        try:
            if self._unsettled:
                frame = self._receive(time.monotonic() + SETTLE_SECONDS)
                self._unsettled = not isinstance(frame, Settled)
        except (Closed, OSError, ProtocolError, ValueError):
            return False
        return self.usable and self.process.poll() is None and not self._unsettled

    def call(self, job: Job, handle: HostHandler) -> Answer:
        """Runs the job, answering the guest's host requests with `handle` in this thread.

        Raises WorkerErrors.
        """
        allowed = f"{LOAD_SECONDS} s for loading the module"
        try:
            self.wait_ready()
            load_ms = self._load(job)
            allowed = f"{job.timeout_ms} ms of wall-clock time"
            answer = self._converse(job, handle, load_ms)
        except TimeoutError as error:
            self.kill()
            raise TimedOut(f"{allowed} were up") from error
        except InvalidModule:
            raise
        except (Closed, OSError, ProtocolError, ValueError) as error:
            cause = self._cause_of_death(error)
            self.kill()
            if self._cancelled:
                raise Cancelled from error
            raise Crashed(cause) from error
        except BaseException:
            # The conversation is broken off in the middle: nobody may be given what it would say next.
            self.kill()
            raise
        return answer

    def try_out(self, job: Job) -> None:
        """Loads the job's module and makes an instance of it. Raises TimedOut, Crashed or InvalidModule."""
        deadline = time.monotonic() + LOAD_SECONDS + job.timeout_ms / 1000
        try:
            self.wait_ready()
            self._load(job)
            self.channel.send(Try(job.module), deadline)
            found = self._receive(deadline)
        except TimeoutError as error:
            raise TimedOut("it was not ready in time") from error
        except (Closed, OSError, ProtocolError, ValueError) as error:
            raise Crashed(self._cause_of_death(error)) from error
        if not isinstance(found, Settled):
            raise InvalidModule(found.message if isinstance(found, Failure) else "it does not start")

    def cancel(self) -> None:
        """Ends the call that is going on, from any thread; `call` then raises Cancelled."""
        self._cancelled = True
        self._end_process()

    def compile(self, job: Job) -> None:
        """Loads the job's module and does nothing more: the one use of a worker that fills the cache.

        Raises TimedOut, Crashed or InvalidModule.
        """
        try:
            self.wait_ready()
            self._load(job)
        except TimeoutError as error:
            raise TimedOut(f"{LOAD_SECONDS} s for compiling the module were up") from error
        except (Closed, OSError, ProtocolError, ValueError) as error:
            raise Crashed(self._cause_of_death(error)) from error

    def kill(self) -> None:
        """Ends the process and everything it started, and waits until it is gone. Safe to call twice."""
        self._killed = True
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

    def _load(self, job: Job) -> float:
        """Makes sure that the worker has the module; how many milliseconds that took."""
        if job.module in self.modules:
            self.modules.move_to_end(job.module)
            return 0.0
        started = time.monotonic()
        deadline = started + LOAD_SECONDS
        while len(self.modules) >= MODULES_PER_WORKER:
            oldest, _ = self.modules.popitem(last=False)
            self.channel.send(Unload(oldest), deadline)
        frame = Load(job.module, job.wasm(), job.max_pages, job.fuel, job.host_functions)
        self.channel.send(frame, deadline)
        match self._receive(deadline):
            case Loaded(module=job.module):
                self.modules[job.module] = None
            case LoadFailed(message=message):
                raise InvalidModule(message)
            case _:
                raise ProtocolError("expected the end of loading")
        return (time.monotonic() - started) * 1000

    def _converse(self, job: Job, handle: HostHandler, load_ms: float) -> Answer:
        meter = _Meter(job)
        call_id = next(self._ids)
        deadline = time.monotonic() + job.timeout_ms / 1000
        frame = Call(call_id, job.module, job.function, job.payload, job.config, job.max_output_bytes)
        self.channel.send(frame, deadline)
        while True:
            reply = self._receive(deadline)
            match reply:
                case Result(call_id=id_) | Failure(call_id=id_) if id_ == call_id:
                    self._unsettled = True
                    return Answer(reply, load_ms, meter.host_ms)
                case HostRequest(call_id=id_) | HostFunction(call_id=id_) if id_ == call_id:
                    self.channel.send(meter.count(reply, handle), deadline)
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
