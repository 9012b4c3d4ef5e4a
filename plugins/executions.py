"""Running a plugin's function: who may, the record of it, the run itself, and how it ended.

The run happens in the thread that asks, outside of any transaction: a plugin that waits for its own host
call would otherwise wait for a lock that its caller holds.
"""

import json
import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import events
from accounts.models import User
from accounts.problems import TYPE_PREFIX, Forbidden, NotAuthenticated, NotFound, PayloadTooLarge, Problem
from plugins import registry, store
from plugins.host.caller import Caller
from plugins.manifest import Function, PluginManifest
from plugins.models import Execution, Plugin, Release
from plugins.registry import PluginDisabled, PluginWaiting
from plugins.runtime import bridge
from plugins.runtime.pool import Overloaded
from plugins.runtime.process import Answer, InvalidModule, Job, TimedOut, WorkerError
from plugins.runtime.protocol import FailureKind, Result
from plugins.runtime.service import get_pool

logger = logging.getLogger("hostbridge.executions")

State = Execution.State
PAGE_BYTES = 64 << 10
# A guest may speak with these statuses; 401 and 403 from it mean what it says of its own users.
GUEST_STATUSES = range(400, 430)
_TRAP_FRAME = re.compile(r"\S+\.wasm!(?P<name>(?!abort\b|std\W|core\W|rust_|__rust)[^\s]+)")
_AT_THE_END = [
    "state", "problem", "output_bytes", "finished_at", "queue_ms", "start_ms", "run_ms", "host_ms",
]  # fmt: skip
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


class PluginOutputTooLarge(Problem):
    status = 502
    code = "plugin-output-too-large"
    title = "The plugin's output is too large"


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


class PoolOverloaded(Problem):
    status = 503
    code = "overloaded"
    title = "The server is busy"
    default_detail = "Too many plugin calls are running. Try again in a moment."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.headers["Retry-After"] = "1"


class GuestProblem(Problem):
    """A problem that the plugin itself put into words (docs/manifest.md, “Errors”)."""

    def __init__(self, spoken: dict[str, Any]) -> None:
        super().__init__(spoken["detail"], errors=spoken["errors"])
        self.spoken = spoken
        self.status = spoken["status"]

    def as_dict(self) -> dict[str, Any]:
        said = {"type": TYPE_PREFIX + self.spoken["code"], "title": self.spoken["title"]}
        return super().as_dict() | said


@dataclass(frozen=True)
class Client:
    """Where a call came from, as the server saw it."""

    user: User | None = None
    user_agent: str = ""
    ip_address: str | None = None


@dataclass(frozen=True)
class Bounds:
    """What a call may use at most: what its manifest asks for, within what the operator allows."""

    timeout_ms: int
    memory_mb: int
    max_output_bytes: int


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with output, or with a problem."""

    execution: Execution
    function: Function
    output: bytes = b""
    problem: Problem | None = None


def run(plugin: Plugin, function_name: str, payload: bytes, client: Client) -> Outcome:
    """Calls the function and records it. Blocks until it ended; at most the plugin's timeout and the queue's.

    Raises what keeps a call from beginning (NotFound, PluginDisabled, NotAuthenticated, Forbidden,
    PayloadTooLarge). Whatever goes wrong after that is the Outcome's problem.
    """
    if connection.in_atomic_block:
        raise RuntimeError("A plugin may not run inside a database transaction.")
    function = prepare(plugin, function_name, client.user)
    manifest = plugin.active.manifest
    if len(payload) > settings.PLUGIN_MAX_INPUT_BYTES:
        raise PayloadTooLarge(f"The input may have at most {settings.PLUGIN_MAX_INPUT_BYTES} bytes.")
    execution = begin(plugin, function, client.user, input_bytes=len(payload))
    caller = Caller(
        plugin.granted,
        plugin.slug,
        execution.pk,
        user_agent=client.user_agent,
        ip_address=client.ip_address,
    )
    output, problem, answer = b"", None, None
    try:
        answer, execution.queue_ms = get_pool().run(
            _job(plugin, plugin.active, manifest, function, payload),
            partial(bridge.handle, caller=caller),
        )
        if isinstance(answer.reply, Result):
            output = answer.reply.output
        else:
            problem = failure_problem(answer.reply.kind, answer.reply.message, manifest)
    except (WorkerError, Overloaded) as error:
        problem = _runtime_problem(error, manifest)
    except BaseException:
        problem = PluginCrashed()
        raise
    finally:
        _finish(execution, function, answer, output, problem)
    return Outcome(execution, function, output, problem)


def prepare(plugin: Plugin, function_name: str, user: User | None) -> Function:
    """The function, if this user (None: nobody) may call it now.

    Raises NotFound, PluginWaiting, PluginDisabled, NotAuthenticated or Forbidden.
    """
    if plugin.release_id is None:
        raise PluginWaiting
    function = plugin.active.manifest.function(function_name)
    if function is None:
        raise NotFound(f"The plugin “{plugin.slug}” has no function “{function_name}”.")
    if not plugin.enabled:
        raise PluginDisabled(f"The plugin “{plugin.slug}” is disabled. An administrator can enable it.")
    check_access(function, user)
    return function


def check_access(function: Function, user: User | None) -> None:
    """Raises NotAuthenticated or Forbidden if the function is not for this user (None: not logged in)."""
    if function.access == "public":
        return
    if user is None:
        raise NotAuthenticated
    if function.access == "staff" and not user.is_staff:
        raise Forbidden("This function is for administrators.")


def bounds_of(manifest: PluginManifest) -> Bounds:
    limits = manifest.limits
    return Bounds(
        timeout_ms=min(limits.timeout_ms, settings.PLUGIN_MAX_TIMEOUT_MS),
        memory_mb=min(limits.memory_mb, settings.PLUGIN_MAX_MEMORY_MB),
        max_output_bytes=min(limits.max_output_kb << 10, settings.PLUGIN_MAX_OUTPUT_BYTES),
    )


def execution_data(execution: Execution) -> dict[str, Any]:
    """An execution as the API and the events show it."""
    timing = None
    if execution.run_ms is not None:
        timing = {
            key: round(getattr(execution, key) or 0.0, 3)
            for key in ("queue_ms", "start_ms", "run_ms", "host_ms")
        }
    user = execution.user
    return {
        "id": str(execution.pk),
        "plugin": execution.plugin.slug,
        "function": execution.function,
        "target": execution.target,
        "state": str(execution.state),
        "user": {"id": str(user.pk), "name": user.name, "email": user.email} if user else None,
        "problem": execution.problem,
        "input_bytes": execution.input_bytes,
        "output_bytes": execution.output_bytes,
        "timing": timing,
        "created_at": execution.created_at.isoformat(),
        "finished_at": execution.finished_at.isoformat() if execution.finished_at else None,
    }


def begin(
    plugin: Plugin, function: Function, user: User | None, *, input_bytes: int = 0, target: str = "server"
) -> Execution:
    """Writes that the run has begun, and tells those who watch."""
    execution = Execution.objects.create(
        plugin=plugin,
        release=plugin.active,
        function=function.name,
        user=user,
        input_bytes=input_bytes,
        target=target,
    )
    publish("execution.started", execution)
    return execution


def _finish(
    execution: Execution,
    function: Function,
    answer: Answer | None,
    output: bytes,
    problem: Problem | None,
) -> None:
    """Writes the end, then tells those who watch."""
    execution.state = end_state(problem)
    execution.problem = kept_problem(function, problem)
    execution.output_bytes = len(output)
    execution.finished_at = timezone.now()
    if answer is not None:
        execution.start_ms = answer.load_ms + answer.reply.start_ms
        execution.run_ms = max(answer.reply.run_ms - answer.host_ms, 0.0)
        execution.host_ms = answer.host_ms
    execution.save(update_fields=_AT_THE_END)
    publish("execution.finished", execution)


def kept_problem(function: Function, problem: Problem | None) -> dict[str, Any] | None:
    """The problem as history keeps it. A guest's words on a sensitive input could repeat a secret from it."""
    if problem is None:
        return None
    told = problem.as_dict()
    if function.sensitive:
        told = {key: told[key] for key in ("type", "title", "status")} | {"detail": problem.title}
        if isinstance(problem, GuestProblem | PluginError | PluginTrapped):
            told |= {"title": PluginError.title, "detail": "Its words are not kept: the input is sensitive."}
    return told


def publish(kind: str, execution: Execution) -> None:
    """Tells the user of the execution, and staff, once the transaction commits."""
    events.publish(kind, execution_data(execution), to_users=[execution.user_id])


def _job(
    plugin: Plugin, release: Release, manifest: PluginManifest, function: Function, payload: bytes
) -> Job:
    bounds = bounds_of(manifest)
    sha256 = release.sha256
    return Job(
        sha256=sha256,
        wasm=lambda: store.load_wasm(sha256),
        function=function.name,
        payload=payload,
        config=_config(plugin, manifest),
        timeout_ms=bounds.timeout_ms,
        max_pages=bounds.memory_mb * (1 << 20) // PAGE_BYTES,
        host_functions=store.host_functions(sha256),
        max_output_bytes=bounds.max_output_bytes,
    )


def _config(plugin: Plugin, manifest: PluginManifest) -> dict[str, str]:
    """What the guest reads as its configuration: its settings, defaults included, and where the host is."""
    return registry.config_of(plugin, manifest) | {"host_url": bridge.HOST_ORIGIN}


def end_state(problem: Problem | None) -> Execution.State:
    match problem:
        case None:
            return State.SUCCEEDED
        case PluginTimedOut():
            return State.TIMED_OUT
        case PluginCrashed():
            return State.CRASHED
    return State.FAILED


def _runtime_problem(error: WorkerError | Overloaded, manifest: PluginManifest) -> Problem:
    match error:
        case Overloaded():
            return PoolOverloaded()
        case TimedOut():
            return PluginTimedOut(f"It was stopped: {error}.")
        case InvalidModule():
            return invalid(str(error), manifest)
    return PluginCrashed(f"{PluginCrashed.default_detail} Cause: {error}.")


def timed_out(bounds: Bounds) -> PluginTimedOut:
    return PluginTimedOut(f"It was stopped: {bounds.timeout_ms} ms of wall-clock time were up.")


def invalid(message: str, manifest: PluginManifest) -> PluginInvalid:
    return PluginInvalid(f"{manifest.wasm.path}: {_first_line(message)}")


def failure_problem(kind: FailureKind, message: str, manifest: PluginManifest) -> Problem:
    """What the caller is told of a failure, wherever the function ran."""
    match kind:
        case "guest_error":
            return _guest_problem(message)
        case "memory":
            return PluginMemory(
                f"It may use {bounds_of(manifest).memory_mb} MB; its manifest can ask for more."
            )
        case "output_too_large":
            return PluginOutputTooLarge(f"{message} Its manifest can ask for more (max_output_kb).")
    return _trap_problem(message)


def _trap_problem(message: str) -> PluginTrapped:
    """Says in which function it broke off; the backtrace, for the plugin's author, goes beside it."""
    frame = _TRAP_FRAME.search(message)
    where = f" in the function {frame['name']}" if frame else ""
    return PluginTrapped(
        f"It stopped itself{where}. The backtrace is for its author.", backtrace=message[:2000]
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
    except (ValueError, TypeError, KeyError, AttributeError):
        return PluginError(message)
    return GuestProblem({"status": status, "code": code, "title": title, "detail": detail, "errors": errors})


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
