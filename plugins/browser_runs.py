"""Runs in a visitor's browser: the same .wasm, the host API over real HTTP, with a token for that one run.

What runs in a browser is in the visitor's hands. So its token is worth no more than the visitor: the plugin's
granted operations, of those the ones on the visitor's own data, for minutes, for this run.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.problems import Forbidden, InvalidInput, NotAuthenticated, Problem
from accounts.tokens import hash_token, new_token
from plugins import executions
from plugins.host.caller import Caller
from plugins.manifest import PluginManifest
from plugins.models import Execution, ExecutionToken, Plugin
from plugins.operations import OPERATIONS
from plugins.runtime.protocol import FailureKind

State = Execution.State
End = Literal["succeeded", "cancelled", "timed_out", "invalid"] | FailureKind
_REPORTED = ["input_bytes", "output_bytes", "queue_ms", "start_ms", "run_ms", "host_ms"]
ENDS: tuple[str, ...] = tuple(name for part in get_args(End) for name in get_args(part))


class RunEnded(Problem):
    status = 409
    code = "run-ended"
    title = "This run has ended already"


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


def start(plugin: Plugin, function_name: str, user: User) -> BrowserRun:
    """Records the run and hands out its token, shown this once.

    Raises what executions.prepare raises, and InvalidInput if the function is for the server only.
    """
    expire()
    function = executions.prepare(plugin, function_name, user)
    if "browser" not in function.targets:
        raise InvalidInput.at("/function", f"“{function_name}” runs on the server only.")
    operations = sorted(name for name in plugin.granted if name in OPERATIONS and OPERATIONS[name].own)
    token = new_token(ExecutionToken.PREFIX)
    expires_at = timezone.now() + timedelta(seconds=settings.EXECUTION_TOKEN_SECONDS)
    with transaction.atomic():
        execution = executions.begin(plugin, function, user, target="browser")
        ExecutionToken.objects.create(
            execution=execution, token_hash=hash_token(token), operations=operations, expires_at=expires_at
        )
    return BrowserRun(execution, token, expires_at)


def caller_of(token: str) -> Caller:
    """The run that this token speaks for, if it is still going on. Raises NotAuthenticated.

    Grants are looked up now: what was revoked meanwhile is gone.
    """
    execution = _running(token)
    plugin = execution.plugin
    if execution.user is None or not execution.user.is_active or not plugin.enabled:
        raise NotAuthenticated("This run may do nothing any more.")
    granted = frozenset(execution.token.operations) & plugin.granted
    return Caller(
        granted=granted,
        plugin=plugin.slug,
        execution_id=execution.pk,
        own_data_of=execution.user,
        withheld=plugin.granted - granted,
    )


def finish(execution_id: uuid.UUID, token: str, report: Report) -> Problem | None:
    """Ends the run as its browser reports it; the token is worthless from then on.

    Returns the problem that its caller is told, as executions.run would have. Raises NotAuthenticated, or
    Forbidden for another run's token.
    """
    execution = _running(token)
    if execution.pk != execution_id:
        raise Forbidden("This token belongs to another run.")
    problem = _problem(report, execution.release.manifest)
    execution.input_bytes, execution.output_bytes = report.input_bytes, report.output_bytes
    execution.queue_ms, execution.start_ms = 0.0, report.start_ms
    execution.run_ms, execution.host_ms = report.run_ms, report.host_ms
    _end(execution, State.CANCELLED if report.end == "cancelled" else executions.end_state(problem), problem)
    return problem


def expire() -> int:
    """Ends runs whose token ran out without a word from the browser; how many."""
    forgotten = Execution.objects.filter(state=State.RUNNING, token__expires_at__lte=timezone.now())
    for execution in forgotten.select_related("plugin", "user", "release"):
        problem = executions.PluginTimedOut("Its browser did not report an end in time.")
        _end(execution, State.TIMED_OUT, problem)
    return len(forgotten)


def _problem(report: Report, manifest: PluginManifest) -> Problem | None:
    match report.end:
        case "succeeded" | "cancelled":
            return None
        case "timed_out":
            return executions.timed_out(executions.bounds_of(manifest))
        case "invalid":
            return executions.invalid(report.message, manifest)
    return executions.failure_problem(report.end, report.message, manifest)


def _running(token: str) -> Execution:
    found = (
        ExecutionToken.objects.filter(
            token_hash=hash_token(token), expires_at__gt=timezone.now(), execution__state=State.RUNNING
        )
        .select_related("execution__plugin", "execution__user", "execution__release")
        .first()
    )
    if found is None:
        raise NotAuthenticated("The token is unknown or expired, or its run has ended.")
    execution: Execution = found.execution
    return execution


def _end(execution: Execution, state: str, problem: Problem | None) -> None:
    """Writes the end, unless somebody else did: a run ends once. Raises RunEnded."""
    function = execution.release.manifest.function(execution.function)
    kept = executions.kept_problem(function, problem) if function else None
    with transaction.atomic():
        running = Execution.objects.filter(pk=execution.pk, state=State.RUNNING)
        ended = {name: getattr(execution, name) for name in _REPORTED}
        if running.update(state=state, problem=kept, finished_at=timezone.now(), **ended) != 1:
            raise RunEnded
        execution.refresh_from_db(fields=["state", "problem", "finished_at"])
        executions.publish("execution.finished", execution)
