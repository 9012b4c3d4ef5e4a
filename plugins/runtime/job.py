"""One call as the runtime sees it: the job for a worker, its result, and the ways it can fail."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from plugins.runtime.protocol import Failure, GuestRequest, HostReply, HostRequest, Result

# Called with the guest's request and its deadline on the time.monotonic() clock.
HostHandler = Callable[[GuestRequest, float], Awaitable[HostReply]]


class WorkerError(Exception):
    """The job has no result. The worker is dead, except after InvalidModule.

    ├── TimedOut       the wall-clock limit has passed
    ├── LimitReached   the guest's host calls exceeded a limit
    ├── Cancelled      the call was cancelled
    ├── Crashed        the worker died, or broke the protocol
    └── InvalidModule  the module does not compile, or imports something that the host does not offer
    """


class TimedOut(WorkerError):
    pass


class LimitReached(WorkerError):
    """`limit`: its name in the manifest."""

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
    """One call, with its limits.

    `wasm` is called only if the worker does not have the module, and may block. `config` is a JSON object
    with string values. `fuel` is about how many instructions the call may run; 0 means no limit.
    `max_bridge_bytes` limits what crosses the bridge, both directions together. `imports` holds the
    (namespace, name) pairs that the module imports.
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
        """Identifies the compiled module. The same bytes compile differently for other limits."""
        return f"{self.sha256}:{self.max_pages}:{self.fuel}"


@dataclass(frozen=True)
class JobResult:
    """The worker's reply, and how long loading and host calls took, in milliseconds."""

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
