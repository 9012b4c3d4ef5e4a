"""Turns the end of a call into a problem that its caller and the plugin's author can act on.

Covers the runtime's failures (a limit, a trap, a dead worker) and the guest's own errors.
"""

import json
import re
from typing import Any

from core.problems import TYPE_PREFIX, Problem
from plugins.history.call_limits import CallLimits
from plugins.models import Execution
from plugins.runtime.admission_queue import Overloaded
from plugins.runtime.job import Cancelled, InvalidModule, LimitReached, TimedOut, WorkerError
from plugins.runtime.pool import Stopping
from plugins.runtime.protocol import Failure

State = Execution.State
# Statuses that a guest may use. Its 401 and 403 are about its own users.
GUEST_STATUSES = range(400, 430)
# The guest may have written the text itself, so both patterns search in linear time.
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
    title = "The plugin crashed"


class PluginMemory(PluginTrapped):
    code = "plugin-out-of-memory"
    title = "The plugin ran out of memory"


class PluginFuel(PluginTrapped):
    code = "plugin-out-of-fuel"
    title = "The plugin ran out of fuel"


class PluginOutputTooLarge(Problem):
    status = 502
    code = "plugin-output-too-large"
    title = "The plugin's output is too large"


class PluginHostCallLimit(Problem):
    status = 502
    code = "plugin-host-call-limit"
    title = "The plugin made too many host calls"


class PluginBridgeLimit(Problem):
    status = 502
    code = "plugin-bridge-limit"
    title = "The plugin exchanged too much data with the host"


class PluginCancelled(Problem):
    status = 409
    code = "plugin-cancelled"
    title = "The execution was cancelled"
    default_detail = "Cancelled by its owner or an administrator."


class PluginCrashed(Problem):
    status = 502
    code = "plugin-crashed"
    title = "The plugin's worker crashed"
    default_detail = "The worker was replaced. No other call was affected."


class PluginInvalid(Problem):
    status = 502
    code = "plugin-invalid"
    title = "The plugin could not be loaded"


class PluginTimedOut(Problem):
    status = 504
    code = "plugin-timed-out"
    title = "The plugin timed out"


class TryLater(Problem):
    """The request is valid, but cannot be served now. `seconds`: when to try again."""

    status = 503
    code = "try-later"
    title = "Try again later"

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
    default_detail = "The execution was stopped with the server. Try again in a moment."


class PluginPaused(TryLater):
    code = "plugin-paused"
    title = "The plugin is paused"


class RecordsNotWritten(TryLater):
    code = "records-not-written"
    title = "Records cannot be written"
    default_detail = "Every call is recorded, and the database accepts no records now. Try again soon."


class GuestProblem(Problem):
    """A problem that the plugin itself reported (docs/manifest.md, “Errors”)."""

    def __init__(self, reported: dict[str, Any]) -> None:
        super().__init__(reported["detail"], errors=reported["errors"])
        self.status = reported["status"]
        self._own = {"type": TYPE_PREFIX + reported["code"], "title": reported["title"]}

    def as_dict(self) -> dict[str, Any]:
        return super().as_dict() | self._own


def end_state(problem: Problem | None) -> Execution.State:
    """The state of an execution that ended with this problem, or without one."""
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
    """Whether the plugin is at fault: not if it refused its input or was prevented from running."""
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
    """The problem of a call that its worker never answered."""
    match error:
        case Overloaded():
            return PoolOverloaded()
        case Stopping():
            return ServerStopping()
        case Cancelled():
            return PluginCancelled()
        case TimedOut():
            return PluginTimedOut(f"The plugin was stopped: {error}.")
        case LimitReached(limit="max_host_calls", allowed=allowed):
            return PluginHostCallLimit(
                f"A call may make {allowed} host calls (max_host_calls in its manifest)."
            )
        case LimitReached(allowed=allowed):
            return PluginBridgeLimit(
                f"A call may exchange {allowed} kB with the host (max_bridge_kb in its manifest)."
            )
        case InvalidModule():
            return PluginInvalid(f"{wasm_path}: {_first_line(str(error))}")
    return PluginCrashed(f"{PluginCrashed.default_detail} Cause: {error}.")


def failure_problem(failure: Failure, limits: CallLimits) -> Problem:
    """The problem of a call that its worker answered with a failure."""
    match failure.kind:
        case "guest_error":
            return _guest_problem(failure.message)
        case "memory":
            return PluginMemory(
                f"A call may use {limits.memory_mb} MB of memory (memory_mb in its manifest)."
            )
        case "fuel":
            return PluginFuel(f"A call may run {limits.fuel} instructions (fuel in its manifest).")
        case "output_too_large":
            return PluginOutputTooLarge(f"{failure.message} The manifest can raise max_output_kb.")
    return _trap_problem(failure.message)


def _trap_problem(message: str) -> PluginTrapped:
    """Names the function that crashed and the reason; adds the backtrace for the plugin's author."""
    frame = _TRAP_FRAME.search(message)
    reason = _TRAP_REASON.search(message)
    where = f" in `{frame['name']}`" if frame else ""
    why = f": {reason['reason'].strip()}" if reason else ""
    return PluginTrapped(
        f"The plugin crashed{where}{why}. The backtrace can help its author.", backtrace=message[:2000]
    )


def _guest_problem(message: str) -> Problem:
    """The problem that the guest reported as JSON; for any other text, a problem with that detail."""
    try:
        reported = json.loads(message)["problem"]
        status, code = reported["status"], reported["code"]
        errors = [
            {"pointer": str(item["pointer"])[:200], "detail": str(item["detail"])[:500]}
            for item in reported.get("errors", [])[:50]
        ]
        if not isinstance(status, int) or status not in GUEST_STATUSES:
            return PluginError(message)
        if len(code) > 64 or not _GUEST_CODE.fullmatch(code):
            return PluginError(message)
        title, detail = str(reported["title"])[:200], str(reported["detail"])[:2000]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return PluginError(message)
    return GuestProblem({"status": status, "code": code, "title": title, "detail": detail, "errors": errors})


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
