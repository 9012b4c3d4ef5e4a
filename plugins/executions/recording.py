"""What the history records of an execution: its start, its end, and which of its data is retained."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from core import events
from core.problems import Problem
from core.strict_json import storable
from plugins.bundles.manifest import Function
from plugins.history import execution_insert
from plugins.history.journal import get_journal
from plugins.history.outcomes import GuestProblem, PluginError, PluginTrapped, end_state
from plugins.models import Execution, Plugin
from plugins.runtime.job import JobResult
from plugins.runtime.protocol import Result

State = Execution.State


def record_browser_run(plugin: Plugin, function: Function, user: User) -> Execution:
    """Records and publishes the start of a run in this user's browser.

    Raises RecordsNotWritten, because the run's host calls go through the journal.
    """
    get_journal().check()
    execution = Execution(
        plugin=plugin, release=plugin.active, function=function.name, user=user, target="browser"
    )
    with transaction.atomic(savepoint=False):
        execution_insert.insert([execution_insert.row_of(execution)])
        publish("execution.started", execution)
    return execution


def publish(kind: str, execution: Execution) -> None:
    """Publishes the event to the execution's user and to staff when the transaction commits."""
    events.publish(kind, execution.event_data(), to_users=[execution.user_id])


def record_start(execution: Execution) -> None:
    """Records that a worker has taken the call."""
    get_journal().change(execution, state=State.RUNNING.value)


def record_end(
    execution: Execution, function: Function, result: JobResult | None, problem: Problem | None
) -> bytes:
    """Records how the call ended. Returns its output."""
    output = result.reply.output if result is not None and isinstance(result.reply, Result) else b""
    end: dict[str, Any] = {
        "state": end_state(problem).value,
        "problem": retained_problem(function, problem),
        "output_bytes": len(output),
        "output": retained_body(function, output),
        "finished_at": datetime.now(UTC),
    }
    if result is not None:
        end |= {
            "start_ms": result.load_ms + result.reply.start_ms,
            "run_ms": max(result.reply.run_ms - result.host_ms, 0.0),
            "host_ms": result.host_ms,
            "logs": [] if function.sensitive else storable(result.reply.logs),
        }
    get_journal().change(execution, **end)
    return output


def retained_body(function: Function, data: bytes) -> bytes | None:
    """The input or output if the history retains it. It retains nothing sensitive and nothing large."""
    return None if function.sensitive or len(data) > settings.EXECUTION_KEEP_BYTES else data


def retained_problem(function: Function, problem: Problem | None) -> dict[str, Any] | None:
    """The problem as the history retains it. A sensitive function's own message could repeat a secret."""
    if problem is None:
        return None
    members: dict[str, Any] = storable(problem.as_dict())
    if function.sensitive:
        members = {name: members[name] for name in ("type", "title", "status")} | {"detail": problem.title}
        if isinstance(problem, GuestProblem | PluginError | PluginTrapped):
            members |= {
                "title": PluginError.title,
                "detail": "The plugin's message is not retained, because the input is sensitive.",
            }
    return members
