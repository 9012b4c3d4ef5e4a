"""Runs in a visitor's browser: the same .wasm, the host API over real HTTP, with a token for that one run.

What runs in a browser is in the visitor's hands. So its token is worth no more than the visitor: the plugin's
granted operations, of those the ones on the visitor's own data, for minutes, for this run.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.problems import Forbidden, InvalidInput, NotAuthenticated, NotFound
from accounts.tokens import hash_token, new_token
from plugins import executions
from plugins.host.caller import Caller
from plugins.models import Execution, ExecutionToken, Plugin
from plugins.operations import OPERATIONS
from plugins.outcomes import PluginCancelled, PluginTimedOut

State = Execution.State
ENDS = (State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED)


@dataclass(frozen=True)
class BrowserRun:
    execution: Execution
    token: str
    expires_at: datetime


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
        execution = executions.begin_in_browser(plugin, function, user)
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
    return Caller(
        granted=frozenset(execution.token.operations) & plugin.granted,
        plugin=plugin.slug,
        execution_id=execution.pk,
        own_data_of=execution.user,
    )


def finish(execution_id: uuid.UUID, token: str, state: str, problem: dict[str, Any] | None) -> None:
    """Ends the run as its browser reports it; the token is worthless from then on.

    Raises NotAuthenticated, or Forbidden for another run's token.
    """
    execution = _running(token)
    if execution.pk != execution_id:
        raise Forbidden("This token belongs to another run.")
    _end(execution, state, problem)


def cancel(execution: Execution) -> None:
    """Ends it; its token is worthless from then on. Raises RunEnded."""
    _end(execution, State.CANCELLED, PluginCancelled().as_dict())


def expire() -> int:
    """Ends runs whose token ran out without a word from the browser; how many."""
    forgotten = Execution.objects.filter(state=State.RUNNING, token__expires_at__lte=timezone.now())
    for execution in forgotten.select_related("plugin", "user"):
        problem = PluginTimedOut("Its browser did not report an end in time.")
        _end(execution, State.TIMED_OUT, problem.as_dict())
    return len(forgotten)


def _running(token: str) -> Execution:
    found = (
        ExecutionToken.objects.filter(
            token_hash=hash_token(token), expires_at__gt=timezone.now(), execution__state=State.RUNNING
        )
        .select_related("execution__plugin", "execution__user")
        .first()
    )
    if found is None:
        raise NotAuthenticated("The token is unknown or expired, or its run has ended.")
    execution: Execution = found.execution
    return execution


def _end(execution: Execution, state: str, problem: dict[str, Any] | None) -> None:
    if state not in ENDS:
        raise NotFound(f"A run cannot end as {state}.")
    with transaction.atomic():
        running = Execution.objects.filter(pk=execution.pk, state=State.RUNNING)
        if running.update(state=state, problem=problem, finished_at=timezone.now()) != 1:
            raise executions.RunEnded
        execution.refresh_from_db()
        executions.publish("execution.finished", execution)
