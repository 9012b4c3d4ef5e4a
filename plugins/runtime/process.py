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
    Unload,
    decode_from_worker,
    receive,
    send,
)

logger = logging.getLogger("hostbridge.runtime")

BOOT_SECONDS = 20
LOAD_SECONDS = 20
MODULES_PER_WORKER = 16
# -I: neither the environment nor the current directory decides what a worker imports.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from plugins.runtime.worker import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)
_ROOT = str(Path(__file__).resolve().parents[2])

# Takes what the guest asked, and the time.monotonic() at which the guest's time is up.
HostHandler = Callable[[Asked, float], HostReply]


class WorkerError(Exception):
    """The call came to no answer.

    ├── TimedOut       wall-clock time was up; the worker was killed
    ├── Crashed        the worker died, or broke the protocol and was killed
    └── InvalidModule  the bytes do not compile or import what is not offered
    """


class TimedOut(WorkerError):
    pass


class Crashed(WorkerError):
    pass


class InvalidModule(WorkerError):
    pass


@dataclass(frozen=True)
class Job:
    """One call, as the runtime needs it. `wasm` is asked for only when a worker lacks the module."""

    sha256: str
    wasm: Callable[[], bytes]
    function: str
    payload: bytes
    config: dict[str, str]
    timeout_ms: int
    max_pages: int
    max_output_bytes: int
    host_functions: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"{self.sha256}:{self.max_pages}"


@dataclass(frozen=True)
class Answer:
    """What came back, and where the time went (milliseconds)."""

    reply: Result | Failure
    load_ms: float
    host_ms: float


@dataclass(eq=False)
class WorkerProcess:
    """A running worker. Not thread-safe: whoever took it from the pool has it alone."""

    process: subprocess.Popen[bytes]
    sock: socket.socket
    modules: OrderedDict[str, None] = field(default_factory=OrderedDict)
    ready: bool = False
    _killed: bool = False
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def start(cls, *, memory_bytes: int, cache_config: Path) -> "WorkerProcess":
        """Starts the process and returns at once; the first call waits until it is up."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, _ROOT, str(theirs.fileno()), str(memory_bytes)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # Nothing of ours is handed on: no secrets, no proxy. A backtrace costs 48 ms a trap.
                env={"EXTISM_CACHE_CONFIG": str(cache_config), "RUST_BACKTRACE": "0", "LANG": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
        return cls(process, ours)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return not self._killed and self.process.poll() is None

    def call(self, job: Job, handle: HostHandler) -> Answer:
        """Runs the job, answering the guest's host requests with `handle` in this thread.

        Raises TimedOut, Crashed or InvalidModule. After the first two the worker is dead.
        """
        allowed = f"{LOAD_SECONDS} s for loading the module"
        try:
            self._wait_ready()
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
            raise Crashed(cause) from error
        except BaseException:
            # The conversation is broken off in the middle: nobody may be given what it would say next.
            self.kill()
            raise
        return answer

    def kill(self) -> None:
        """Ends the process and everything it started, and waits until it is gone. Safe to call twice."""
        self._killed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.sock.close()

    def _wait_ready(self) -> None:
        if not self.ready:
            frame = self._receive(time.monotonic() + BOOT_SECONDS)
            if not isinstance(frame, Ready):
                raise ProtocolError("the worker did not say that it is ready")
            self.ready = True

    def _load(self, job: Job) -> float:
        """Makes sure that the worker has the module; how many milliseconds that took."""
        if job.module in self.modules:
            self.modules.move_to_end(job.module)
            return 0.0
        started = time.monotonic()
        deadline = started + LOAD_SECONDS
        while len(self.modules) >= MODULES_PER_WORKER:
            oldest, _ = self.modules.popitem(last=False)
            send(self.sock, Unload(oldest), deadline)
        send(self.sock, Load(job.module, job.wasm(), job.max_pages, job.host_functions), deadline)
        match self._receive(deadline):
            case Loaded(module=job.module):
                self.modules[job.module] = None
            case LoadFailed(message=message):
                raise InvalidModule(message)
            case _:
                raise ProtocolError("expected the end of loading")
        return (time.monotonic() - started) * 1000

    def _converse(self, job: Job, handle: HostHandler, load_ms: float) -> Answer:
        host_ms = 0.0
        call_id = next(self._ids)
        deadline = time.monotonic() + job.timeout_ms / 1000
        frame = Call(call_id, job.module, job.function, job.payload, job.config, job.max_output_bytes)
        send(self.sock, frame, deadline)
        while True:
            reply = self._receive(deadline)
            match reply:
                case Result(call_id=id_) | Failure(call_id=id_) if id_ == call_id:
                    return Answer(reply, load_ms, host_ms)
                case HostRequest(call_id=id_) | HostFunction(call_id=id_) if id_ == call_id:
                    started = time.monotonic()
                    host_reply = handle(reply, deadline)
                    host_ms += (time.monotonic() - started) * 1000
                    send(self.sock, host_reply, deadline)
                case _:
                    raise ProtocolError("a frame that belongs to no call of ours")

    def _receive(self, deadline: float) -> FromWorker:
        frame: FromWorker = decode_from_worker(receive(self.sock, deadline))
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
