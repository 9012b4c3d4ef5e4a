"""Runs in a visitor's browser: the same .wasm, the host API over real HTTP, with a token for that one run."""

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
from plugins.history import journal
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
# What ended it: the worker protocol's own kinds of failure, and what the page itself sees.
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
    """How a run ended, by its browser's word: what happened, in the guest's or the runtime's own text.

    The browser says what happened, and the problem is made of it here, as for a run on the server.
    """

    end: End
    message: str = ""
    input_bytes: int = 0
    output_bytes: int = 0
    start_ms: float = 0.0
    run_ms: float = 0.0
    host_ms: float = 0.0


def start(plugin: Plugin, function_name: str, credential: Session | APIToken) -> BrowserRun:
    """Records the run of whose credential this is and hands out its token, shown this once.

    The token is void as soon as the credential is. Raises what admissions.prepare and
    executions.begin_in_browser raise, InvalidInput if the function is for the server only, and
    NotAuthenticated if the credential ends at this moment.
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
        raise NotAuthenticated("Your session or token has just ended.") from error
    return BrowserRun(execution, token, expires_at)


def finish(execution_id: uuid.UUID, token: str, report: Report) -> Problem | None:
    """Ends the run as its browser reports it; the token is worthless from then on.

    Returns the problem that its caller is told, as executions.run would have. Raises NotAuthenticated, or
    Forbidden for another run's token.
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
    """Ends it; its token is worthless from then on. Raises RunEnded."""
    _end(execution, PluginCancelled())


def expire() -> int:
    """Ends runs whose token ran out without a word from the browser, or went with its session; how many.

    The latest first. It may not come to the end, but comes further than users: no run is forgotten by history
    before its end.
    """
    ended, until = 0, time.monotonic() + SECONDS_AT_ONCE
    while time.monotonic() < until:
        forgotten = Q(token=None) | Q(token__expires_at__lte=timezone.now())
        going_on = Execution.objects.filter(target="browser", state=State.RUNNING, finished_at=None)
        found = list(going_on.filter(forgotten).select_related("plugin", "user", "release", "token")[:BATCH])
        for execution in found:
            with suppress(runner.RunEnded):  # somebody else was faster
                _end(execution, _forgotten_problem(execution))
                ended += 1
        if len(found) < BATCH:
            break
    return ended


def _forgotten_problem(execution: Execution) -> Problem:
    if hasattr(execution, "token"):
        return PluginTimedOut("Its browser did not report an end in time.")
    return PluginCancelled("The session or API token that began it has ended.")


def _problem(report: Report, execution: Execution) -> Problem | None:
    """What a run on the server would have told, made by the same functions."""
    limits, wasm_path = limits_of_run(execution), execution.release.manifest.wasm.path
    match report.end:
        case "succeeded":
            return None
        case "cancelled":
            return PluginCancelled()
        case "input_too_large":
            return PayloadTooLarge(f"The input may have at most {limits.max_input_bytes} bytes.")
        case "timed_out":
            error = TimedOut(f"{limits.timeout_ms} ms of wall-clock time were up")
            return runtime_problem(error, wasm_path)
        case "max_host_calls":
            return runtime_problem(LimitReached("max_host_calls", limits.max_host_calls), wasm_path)
        case "max_bridge_kb":
            return runtime_problem(LimitReached("max_bridge_kb", limits.max_bridge_bytes >> 10), wasm_path)
        case "invalid":
            return runtime_problem(InvalidModule(report.message), wasm_path)
    return failure_problem(Failure(0, report.end, report.message, report.start_ms, report.run_ms), limits)


def _end(execution: Execution, problem: Problem | None) -> None:
    """Writes the end, unless somebody else did: a run ends once. Raises RunEnded."""
    execution.state = end_state(problem)
    execution.problem = recording.retained_problem(function_of(execution), problem)
    execution.finished_at = timezone.now()
    ended = {name: getattr(execution, name) for name in (*_REPORTED, "state", "problem", "finished_at")}
    with transaction.atomic():
        running = Execution.objects.filter(pk=execution.pk, state=State.RUNNING)
        if running.update(**ended) != 1:
            raise runner.RunEnded
        recording.publish("execution.finished", execution)
    journal.written([execution], [])
