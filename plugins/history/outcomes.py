"""How a call ended, as a problem that its caller and the plugin's author can act on.

What the runtime says (a limit, a trap, a dead worker) and what the guest says in its own words both end here.
"""

import json
import re
from typing import Any

from core.problems import TYPE_PREFIX, Problem
from plugins.history.limits import CallLimits
from plugins.models import Execution
from plugins.runtime.admission_queue import Overloaded
from plugins.runtime.job import Cancelled, InvalidModule, LimitReached, TimedOut, WorkerError
from plugins.runtime.pool import Stopping
from plugins.runtime.protocol import Failure

State = Execution.State
# A guest may speak with these statuses; 401 and 403 from it mean what it says of its own users.
GUEST_STATUSES = range(400, 430)
# The text can be the guest's own: whatever it is, both are searched for in linear time.
_TRAP_FRAME = re.compile(r"\.wasm!(?P<name>(?!abort\b|std\W|core\W|rust_|__rust)\S{1,200})")
_TRAP_REASON = re.compile(r"wasm trap: (?P<reason>[^\n]{1,200})")
_GUEST_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class PluginError(Problem):
    status = 422
    code = "plugin-error"
    title = "The plugin refused the input"


class PluginTrapped(Problem):
    status = 502
    code = "plugin-trapped"
    title = "The plugin broke off"


class PluginMemory(PluginTrapped):
    code = "plugin-out-of-memory"
    title = "The plugin used up its memory"


class PluginFuel(PluginTrapped):
    code = "plugin-out-of-fuel"
    title = "The plugin used up its fuel"


class PluginOutputTooLarge(Problem):
    status = 502
    code = "plugin-output-too-large"
    title = "The plugin's output is too large"


class PluginHostCallLimit(Problem):
    status = 502
    code = "plugin-host-call-limit"
    title = "The plugin asked the host too often"


class PluginBridgeLimit(Problem):
    status = 502
    code = "plugin-bridge-limit"
    title = "The plugin moved too much data to and from the host"


class PluginCancelled(Problem):
    status = 409
    code = "plugin-cancelled"
    title = "This run was cancelled"
    default_detail = "Somebody who may ended it before it was done."


class PluginCrashed(Problem):
    status = 502
    code = "plugin-crashed"
    title = "The plugin crashed its worker"
    default_detail = "The worker was replaced; nothing else was affected."


class PluginInvalid(Problem):
    status = 502
    code = "plugin-invalid"
    title = "The plugin cannot be loaded"


class PluginTimedOut(Problem):
    status = 504
    code = "plugin-timed-out"
    title = "The plugin took too long"


class TryLater(Problem):
    """Nothing is wrong with the request; it cannot be answered now."""

    status = 503
    code = "try-later"
    title = "Not now"

    def __init__(self, detail: str = "", *, seconds: int = 1) -> None:
        super().__init__(detail)
        self.headers["Retry-After"] = str(seconds)


class PoolOverloaded(TryLater):
    code = "overloaded"
    title = "The server is busy"
    default_detail = "Too many plugin calls are running. Try again in a moment."


class ServerStopping(TryLater):
    code = "server-stopping"
    title = "The server is stopping"
    default_detail = "The run was ended with it. Try again in a moment."


class PluginPaused(TryLater):
    code = "plugin-paused"
    title = "This plugin is paused"


class RecordsNotWritten(TryLater):
    code = "records-not-written"
    title = "The server cannot keep records"
    default_detail = "Nothing runs unrecorded, and the database takes no records now. Try again soon."


class GuestProblem(Problem):
    """A problem that the plugin itself put into words (docs/manifest.md, “Errors”)."""

    def __init__(self, spoken: dict[str, Any]) -> None:
        super().__init__(spoken["detail"], errors=spoken["errors"])
        self.spoken = spoken
        self.status = spoken["status"]

    def as_dict(self) -> dict[str, Any]:
        said = {"type": TYPE_PREFIX + self.spoken["code"], "title": self.spoken["title"]}
        return super().as_dict() | said


def end_state(problem: Problem | None) -> Execution.State:
    """The one state in which a call with this outcome has ended."""
    match problem:
        case None:
            return State.SUCCEEDED
        case PluginTimedOut():
            return State.TIMED_OUT
        case PluginCrashed():
            return State.CRASHED
        case PluginCancelled() | ServerStopping():
            return State.CANCELLED
    return State.FAILED


def is_fault(problem: Problem | None) -> bool:
    """Whether the plugin failed, rather than refused its input in its own words or was kept from running."""
    return isinstance(
        problem,
        PluginTrapped
        | PluginTimedOut
        | PluginCrashed
        | PluginInvalid
        | PluginOutputTooLarge
        | PluginHostCallLimit
        | PluginBridgeLimit,
    )


def runtime_problem(error: WorkerError | Overloaded | Stopping, wasm_path: str) -> Problem:
    """What kept the call from an answer of its own."""
    match error:
        case Overloaded():
            return PoolOverloaded()
        case Stopping():
            return ServerStopping()
        case Cancelled():
            return PluginCancelled()
        case TimedOut():
            return PluginTimedOut(f"It was stopped: {error}.")
        case LimitReached(limit="max_host_calls", allowed=allowed):
            return PluginHostCallLimit(f"A call may ask {allowed} times (max_host_calls in its manifest).")
        case LimitReached(allowed=allowed):
            return PluginBridgeLimit(f"A call may move {allowed} kB (max_bridge_kb in its manifest).")
        case InvalidModule():
            return PluginInvalid(f"{wasm_path}: {_first_line(str(error))}")
    return PluginCrashed(f"{PluginCrashed.default_detail} Cause: {error}.")


def failure_problem(failure: Failure, limits: CallLimits) -> Problem:
    """What the call answered instead of output."""
    match failure.kind:
        case "guest_error":
            return _guest_problem(failure.message)
        case "memory":
            return PluginMemory(
                f"It may use {limits.memory_mb} MB; its manifest can ask for more (memory_mb)."
            )
        case "fuel":
            return PluginFuel(f"It may run {limits.fuel} instructions; its manifest can ask for more (fuel).")
        case "output_too_large":
            return PluginOutputTooLarge(f"{failure.message} Its manifest can ask for more (max_output_kb).")
    return _trap_problem(failure.message)


def _trap_problem(message: str) -> PluginTrapped:
    """Says in which function it broke off and why; the backtrace, for the plugin's author, goes beside it."""
    frame = _TRAP_FRAME.search(message)
    reason = _TRAP_REASON.search(message)
    where = f" in the function {frame['name']}" if frame else ""
    why = f" ({reason['reason'].strip()})" if reason else ""
    return PluginTrapped(
        f"It broke off{where}{why}. The backtrace is for its author.", backtrace=message[:2000]
    )


def _guest_problem(message: str) -> Problem:
    """A guest's error text: its own problem if it spoke one, otherwise the text as the detail."""
    try:
        spoken = json.loads(message)["problem"]
        status, code = spoken["status"], spoken["code"]
        errors = [
            {"pointer": str(item["pointer"])[:200], "detail": str(item["detail"])[:500]}
            for item in spoken.get("errors", [])[:50]
        ]
        if status not in GUEST_STATUSES or len(code) > 64 or not _GUEST_CODE.fullmatch(code):
            return PluginError(message)
        title, detail = str(spoken["title"])[:200], str(spoken["detail"])[:2000]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return PluginError(message)
    return GuestProblem({"status": status, "code": code, "title": title, "detail": detail, "errors": errors})


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
