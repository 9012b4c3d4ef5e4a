"""One call as the runtime sees it: what is asked of a worker, what comes back, and how it can fail."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from plugins.runtime.protocol import Asked, Failure, HostReply, HostRequest, Result

# Takes what the guest asked, and the time.monotonic() at which the guest's time is up.
HostHandler = Callable[[Asked, float], HostReply]
AsyncHostHandler = Callable[[Asked, float], Awaitable[HostReply]]


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


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One call, as the runtime needs it. `wasm` is asked for only when a worker lacks the module.

    `config`: a JSON object of texts. `fuel`: about how many instructions it may run; 0 for any number.
    `max_bridge_bytes`: what may cross the bridge, both ways together. `imports`: what the module imports, as
    namespace and name.
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
        return f"{self.sha256}:{self.max_pages}:{self.fuel}"


@dataclass(frozen=True)
class JobResult:
    """What came back, and where the time went (milliseconds)."""

    reply: Result | Failure
    load_ms: float
    host_ms: float


class Meter:
    """Counts what one call asks of the host."""

    def __init__(self, job: Job) -> None:
        self.host_ms = 0.0
        self._calls_left = job.max_host_calls
        self._bytes_left = job.max_bridge_bytes
        self._job = job
        self._asked_at = 0.0

    def asked(self, asked: Asked) -> None:
        """Raises LimitReached."""
        self._calls_left -= 1
        if self._calls_left < 0:
            raise LimitReached("max_host_calls", self._job.max_host_calls)
        if isinstance(asked, HostRequest):
            head = sum(len(name) + len(value) for name, value in asked.headers.items())
            self._take(len(asked.url) + head + len(asked.body))
        else:
            self._take(len(asked.payload))
        self._asked_at = time.monotonic()

    def answered(self, reply: HostReply) -> None:
        """Raises LimitReached."""
        self.host_ms += (time.monotonic() - self._asked_at) * 1000
        self._take(len(reply.body))

    def _take(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise LimitReached("max_bridge_kb", self._job.max_bridge_bytes >> 10)
