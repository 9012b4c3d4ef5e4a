"""Runs in the user's browser: the same .wasm calls the host API over real HTTP, with a token for one run."""

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import APIToken, Session, User
from core.operations import OPERATIONS
from core.problems import Forbidden, InvalidInput, NotAuthenticated, PayloadTooLarge, Problem
from core.secrets import hash_token, new_token
from plugins.executions import authorization, recording, runner
from plugins.history.journal import get_journal
from plugins.history.outcomes import (
    PluginCancelled,
    PluginTimedOut,
    end_state,
    failure_problem,
    runtime_problem,
)
from plugins.host.execution_tokens import function_of, limits_of_run, running_with
from plugins.models import Execution, ExecutionToken, Plugin
from plugins.runtime.job import InvalidModule, LimitReached, TimedOut
from plugins.runtime.protocol import Failure, FailureKind

State = Execution.State
# How a run can end: the failure kinds of the worker protocol, and those that the page itself detects.
End = (
    Literal[
        "succeeded", "cancelled", "timed_out", "invalid", "input_too_large", "max_host_calls", "max_bridge_kb"
    ]
    | FailureKind
)
_REPORTED = ["input_bytes", "output_bytes", "queue_ms", "start_ms", "run_ms", "host_ms"]
BATCH = 50
SECONDS_AT_ONCE = 20
ENDS: tuple[str, ...] = tuple(name for part in get_args(End) for name in get_args(part))


@dataclass(frozen=True)
class BrowserRun:
    execution: Execution
    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Report:
    """How a run ended according to its browser. `message` is the guest's or the runtime's own text.

    The server makes the problem from it, as it does for a run on the server.
    """

    end: End
    message: str = ""
    input_bytes: int = 0
    output_bytes: int = 0
    start_ms: float = 0.0
    run_ms: float = 0.0
    host_ms: float = 0.0


def start(plugin: Plugin, function_name: str, credential: Session | APIToken) -> BrowserRun:
    """Records a run by the credential's user and issues its token, which is not shown again.

    The token becomes invalid together with the credential. Raises what authorization.prepare and
    recording.record_browser_run raise, InvalidInput if the function runs on the server only, and
    NotAuthenticated if the credential ends meanwhile.
    """
    user: User = credential.user
    function = authorization.prepare(plugin, function_name, user)
    if "browser" not in function.targets:
        raise InvalidInput.at("/function", f"“{function_name}” runs on the server only.")
    operations = sorted(name for name in plugin.granted if name in OPERATIONS and OPERATIONS[name].own)
    token = new_token(ExecutionToken.PREFIX)
    lasts = timedelta(seconds=settings.EXECUTION_TOKEN_SECONDS)
    expires_at = min(timezone.now() + lasts, credential.expires_at)
    try:
        with transaction.atomic():
            execution = recording.record_browser_run(plugin, function, user)
            ExecutionToken.objects.create(
                execution=execution,
                session=credential if isinstance(credential, Session) else None,
                api_token=credential if isinstance(credential, APIToken) else None,
                token_hash=hash_token(token),
                operations=operations,
                expires_at=expires_at,
            )
    except IntegrityError as error:
        if type(credential).objects.filter(pk=credential.pk).exists():
            raise
        raise NotAuthenticated("Your session or API token has just ended.") from error
    return BrowserRun(execution, token, expires_at)


def finish(execution_id: uuid.UUID, token: str, report: Report) -> Problem | None:
    """Ends the run as its browser reports and invalidates its token.

    Returns the caller's problem, the same that runner.run would return. Raises NotAuthenticated, and
    Forbidden if the token belongs to another run.
    """
    execution = running_with(token)
    if execution.pk != execution_id:
        raise Forbidden("This token belongs to another run.")
    problem = _problem(report, execution)
    execution.input_bytes, execution.output_bytes = report.input_bytes, report.output_bytes
    execution.queue_ms, execution.start_ms = 0.0, report.start_ms
    execution.run_ms, execution.host_ms = report.run_ms, report.host_ms
    _end(execution, problem)
    return problem


def cancel(execution: Execution) -> None:
    """Ends the run and invalidates its token. Raises RunEnded."""
    _end(execution, PluginCancelled())


def expire() -> int:
    """Ends the runs whose token expired or was deleted with its session. Returns how many.

    The latest runs come first. One call may not end them all, but it ends them faster than users can start
    them. The history never deletes a run that has not ended.
    """
    ended, until = 0, time.monotonic() + SECONDS_AT_ONCE
    while time.monotonic() < until:
        abandoned = Q(token=None) | Q(token__expires_at__lte=timezone.now())
        running = Execution.objects.filter(target="browser", state=State.RUNNING, finished_at=None)
        batch = list(running.filter(abandoned).select_related("plugin", "user", "release", "token")[:BATCH])
        for execution in batch:
            with suppress(runner.RunEnded):  # another process ended it first
                _end(execution, _abandoned_problem(execution))
                ended += 1
        if len(batch) < BATCH:
            break
    return ended


def _abandoned_problem(execution: Execution) -> Problem:
    if hasattr(execution, "token"):
        return PluginTimedOut("The browser did not report the end of the run in time.")
    return PluginCancelled("The session or API token that started the run has ended.")


def _problem(report: Report, execution: Execution) -> Problem | None:
    """The same problem that a run on the server would end with."""
    limits, wasm_path = limits_of_run(execution), execution.release.manifest.wasm.path
    match report.end:
        case "succeeded":
            return None
        case "cancelled":
            return PluginCancelled()
        case "input_too_large":
            return PayloadTooLarge(f"The input may have at most {limits.max_input_bytes} bytes.")
        case "timed_out":
            error = TimedOut(f"the wall-clock limit of {limits.timeout_ms} ms was reached")
            return runtime_problem(error, wasm_path)
        case "max_host_calls":
            return runtime_problem(LimitReached("max_host_calls", limits.max_host_calls), wasm_path)
        case "max_bridge_kb":
            return runtime_problem(LimitReached("max_bridge_kb", limits.max_bridge_bytes >> 10), wasm_path)
        case "invalid":
            return runtime_problem(InvalidModule(report.message), wasm_path)
    return failure_problem(Failure(0, report.end, report.message, report.start_ms, report.run_ms), limits)


def _end(execution: Execution, problem: Problem | None) -> None:
    """Records the end. Raises RunEnded if the run has already ended, because a run ends only once."""
    execution.state = end_state(problem)
    execution.problem = recording.retained_problem(function_of(execution), problem)
    execution.finished_at = timezone.now()
    ended = {name: getattr(execution, name) for name in (*_REPORTED, "state", "problem", "finished_at")}
    with transaction.atomic():
        running = Execution.objects.filter(pk=execution.pk, state=State.RUNNING)
        if running.update(**ended) != 1:
            raise runner.RunEnded
        recording.publish("execution.finished", execution)
    get_journal().notify_written([execution], [])
