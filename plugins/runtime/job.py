"""One call as the runtime sees it: what a worker is asked to do, what comes back, and how it can fail."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from plugins.runtime.protocol import Failure, GuestRequest, HostReply, HostRequest, Result

# Takes the guest's request and its deadline, a time.monotonic().
HostHandler = Callable[[GuestRequest, float], Awaitable[HostReply]]


class WorkerError(Exception):
    """The job has no result. After all of these but InvalidModule the worker is dead.

    ├── TimedOut       the wall-clock limit has passed
    ├── LimitReached   the guest asked the host for more than one call may
    ├── Cancelled      somebody cancelled it
    ├── Crashed        the worker died, or broke the protocol
    └── InvalidModule  the bytes do not compile, or import what is not offered
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


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One call, with its limits. `wasm` is called only if a worker lacks the module; it may block.

    `config`: a JSON object with string values. `fuel`: about how many instructions it may run; 0 means no
    limit. `max_bridge_bytes`: what may cross the bridge, both directions together. `imports`: the (namespace,
    name) pairs that the module imports.
    """

    sha256: str
    wasm: Callable[[], bytes]
    function: str
    payload: bytes = b""
    config: bytes = b"{}"
    timeout_ms: int
    max_pages: int
    max_output_bytes: int
    max_host_calls: int
    max_bridge_bytes: int
    fuel: int = 0
    imports: tuple[tuple[str, str], ...] = ()

    @property
    def module(self) -> str:
        """Names the compiled module: the same bytes compile differently for other limits."""
        return f"{self.sha256}:{self.max_pages}:{self.fuel}"


@dataclass(frozen=True)
class JobResult:
    """The worker's reply, and where the time went (milliseconds)."""

    reply: Result | Failure
    load_ms: float
    host_ms: float


class Meter:
    """Counts one call's host calls against its limits."""

    def __init__(self, job: Job) -> None:
        self.host_ms = 0.0
        self._calls_left = job.max_host_calls
        self._bytes_left = job.max_bridge_bytes
        self._job = job
        self._started = 0.0

    def request(self, request: GuestRequest) -> None:
        """Raises LimitReached."""
        self._calls_left -= 1
        if self._calls_left < 0:
            raise LimitReached("max_host_calls", self._job.max_host_calls)
        if isinstance(request, HostRequest):
            head = sum(len(name) + len(value) for name, value in request.headers.items())
            self._take(len(request.url) + head + len(request.body))
        else:
            self._take(len(request.payload))
        self._started = time.monotonic()

    def reply(self, reply: HostReply) -> None:
        """Raises LimitReached."""
        self.host_ms += (time.monotonic() - self._started) * 1000
        self._take(len(reply.body))

    def _take(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise LimitReached("max_bridge_kb", self._job.max_bridge_bytes >> 10)
