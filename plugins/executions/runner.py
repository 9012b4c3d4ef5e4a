"""Running a plugin's function: the record of it, the run itself, and how it ended.

A call is authorized, which reads the database (plugins.executions.authorization); begun, which adds the
input; and run, always outside a transaction: a plugin waiting for its own host call would otherwise wait for
a lock that its caller holds.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from django.conf import settings
from django.db import connection, connections, transaction
from msgspec.structs import replace

from accounts.models import User
from core import events
from core.problems import PayloadTooLarge, Problem
from core.strict_json import storable
from plugins.bundles.manifest import Function
from plugins.executions import breaker, login_throttle, remote_cancel
from plugins.executions.authorization import Authorization, Client, authorize
from plugins.history import execution_insert, journal
from plugins.history.limits import CallLimits
from plugins.history.outcomes import (
    GuestProblem,
    PluginCancelled,
    PluginCrashed,
    PluginError,
    PluginTimedOut,
    PluginTrapped,
    PoolOverloaded,
    ServerStopping,
    end_state,
    failure_problem,
    is_fault,
    runtime_problem,
)
from plugins.host import bridge
from plugins.host.caller import Caller
from plugins.models import Execution, Plugin
from plugins.registry import catalogue
from plugins.runtime.job import AsyncHostHandler, Job, JobResult, WorkerError
from plugins.runtime.pool import Overloaded, Stopping, Ticket
from plugins.runtime.protocol import Failure, Result
from plugins.runtime.service import get_pool

logger = logging.getLogger("hostbridge.executions")

State = Execution.State
# Calls that nobody waits for. The pool bounds them: each has its place there before it comes here.
_later = ThreadPoolExecutor(settings.PLUGIN_WORKERS + settings.PLUGIN_QUEUE, thread_name_prefix="later")
SLOW_SHARE = 0.8  # of its time limit: a call that used more counts as slow


class RunEnded(Problem):
    status = 409
    code = "run-ended"
    title = "This run has ended already"


class InputNotKept(Problem):
    status = 409
    code = "input-not-kept"
    title = "The input of this run was not kept"
    default_detail = "It was sensitive or too large to keep; call the function with it again."


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with output, or with a problem."""

    execution: Execution
    function: Function
    output: bytes = b""
    problem: Problem | None = None


@dataclass(frozen=True)
class Call:
    """A call that may run, with all that it needs: from here to its end nobody asks the database."""

    admission: Authorization
    execution: Execution
    job: Job
    caller: Caller


def run(admission: Authorization, payload: bytes) -> Outcome:
    """Calls the function and records it. Blocks until it ended; at most the plugin's timeout and the queue's.

    Raises what `begin` raises, RateLimited and PoolOverloaded. Whatever goes wrong after that is the
    Outcome's problem.
    """
    if connection.in_atomic_block:
        raise RuntimeError("A plugin may not run inside a database transaction.")
    with _counted(admission, payload) as tried:
        call = begin(admission, payload)
        with _placed(call) as place:
            outcome = _perform(call, place)
        tried.ended(outcome.problem)
    return outcome


async def run_async(call: Call, handle: AsyncHostHandler) -> Outcome:
    """As `run`, on the event loop, for a call that was begun. `handle` is to do what bridge.handle does."""
    with _placed(call) as place, _Ending(call) as ending:
        ending.answer, call.execution.queue_ms = await get_pool().run_async(
            place, call.job, handle, on_start=ending.started
        )
    return ending.outcome()


def run_later(admission: Authorization, payload: bytes) -> Execution:
    """Begins a call and does not wait for it: its end is in the record. Raises what `run` raises."""
    leaving = ExitStack()
    with _counted(admission, payload):
        call = begin(admission, payload)
        place = leaving.enter_context(_placed(call))

    def perform() -> None:
        try:
            with leaving:
                _perform(call, place)
        except Exception:
            logger.exception("A call that nobody waits for failed")
        finally:
            connections.close_all()

    _later.submit(perform)
    return call.execution


def wait_for_the_last() -> None:
    """When the server stops and the pool is closed: until the calls that nobody waits for are recorded."""
    _later.shutdown()


def cancel(execution: Execution) -> None:
    """Ends it, wherever it runs; that it ended is told and recorded like any end. Raises RunEnded."""
    journal.flush()
    execution.refresh_from_db()
    if execution.finished_at is not None:
        raise RunEnded(f"It has ended already: {execution.state}.")
    if not get_pool().cancel(execution.pk):
        remote_cancel.ask_to_cancel(execution)


def replay(execution: Execution, client: Client) -> Outcome:
    """Calls the same function again with the same input, as whoever asks now and with the active release.

    Raises InputNotKept, and what `admit` and `run` raise.
    """
    if execution.input is None:
        raise InputNotKept
    plugin = catalogue.get_plugin(execution.plugin.slug)
    return run(authorize(plugin, execution.function, client), bytes(execution.input))


def begin(admission: Authorization, payload: bytes) -> Call:
    """Raises RecordsNotWritten, PayloadTooLarge and PluginPaused."""
    journal.check()
    most = admission.limits.max_input_bytes
    if len(payload) > most:
        raise PayloadTooLarge(f"The input may have at most {most} bytes.")
    plugin, client = admission.plugin, admission.client
    breaker.check(plugin.slug, admission.release.pk)
    execution = admission.pattern.another(
        input_bytes=len(payload), input=_kept(admission.function, payload), created_at=datetime.now(UTC)
    )
    caller = Caller(
        plugin.granted,
        plugin.slug,
        execution.pk,
        network=admission.network,
        user_agent=client.user_agent,
        ip_address=client.ip_address,
    )
    return Call(admission, execution, replace(admission.job, payload=payload), caller)


def _counted(admission: Authorization, payload: bytes) -> AbstractContextManager[login_throttle.Tried]:
    """Around an attempt to log in and the like. Raises RateLimited."""
    slug, function = admission.plugin.slug, admission.function.name
    return login_throttle.counted(slug, function, payload, admission.client.ip_address)


def _placed(call: Call) -> Ticket:
    """Its place in the queue, for a `with`; from here on it is recorded. Raises PoolOverloaded."""
    slug = call.admission.plugin.slug
    try:
        place = get_pool().place(call.execution.pk, slug, call.admission.limits.workers)
    except Overloaded as error:
        breaker.record(slug, call.admission.release.pk, "none")
        raise PoolOverloaded from error
    journal.begin(call.execution)
    return place


def _perform(call: Call, place: Ticket) -> Outcome:
    with _Ending(call) as ending:
        ending.answer, call.execution.queue_ms = get_pool().run(
            place,
            call.job,
            lambda asked, deadline: bridge.handle(asked, call.caller, deadline),
            on_start=ending.started,
        )
    return ending.outcome()


class _Ending:
    """Records how a call ends, whatever ends it: an answer, the runtime, or somebody's exception."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.answer: JobResult | None = None
        self.problem: Problem | None = None

    def started(self) -> None:
        journal.change(self.call.execution, state=State.RUNNING.value)

    def outcome(self) -> Outcome:
        return Outcome(self.call.execution, self.call.admission.function, self.output, self.problem)

    @property
    def output(self) -> bytes:
        return self.answer.reply.output if self.answer and isinstance(self.answer.reply, Result) else b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        execution, admission = self.call.execution, self.call.admission
        expected = False
        if isinstance(error, WorkerError | Overloaded | Stopping):
            self.problem = runtime_problem(error, admission.release.manifest.wasm.path)
            expected = True
        elif error is not None:
            self.problem = PluginCrashed()
        elif self.answer is not None and isinstance(self.answer.reply, Failure):
            self.problem = failure_problem(self.answer.reply, admission.limits)
        _finish(execution, admission.function, self.answer, self.output, self.problem)
        verdict = _verdict(execution, self.problem, admission.limits)
        breaker.record(admission.plugin.slug, admission.release.pk, verdict)
        return expected


def _verdict(execution: Execution, problem: Problem | None, limits: CallLimits) -> breaker.Verdict:
    """What the plugin's breaker makes of it."""
    if isinstance(problem, PoolOverloaded | PluginCancelled | ServerStopping):
        return "none"
    if isinstance(problem, PluginTimedOut):
        return "slow"
    if is_fault(problem):
        return "fault"
    spent_ms = (execution.run_ms or 0.0) + (execution.host_ms or 0.0)
    return "slow" if spent_ms > SLOW_SHARE * limits.timeout_ms else "good"


def begin_in_browser(plugin: Plugin, function: Function, user: User) -> Execution:
    """Writes that a run in this user's browser has begun, and tells those who watch.

    Raises RecordsNotWritten: what it asks of the host goes through the journal.
    """
    journal.check()
    execution = Execution(
        plugin=plugin, release=plugin.active, function=function.name, user=user, target="browser"
    )
    with transaction.atomic(savepoint=False):
        execution_insert.insert([execution_insert.row_of(execution)])
        publish("execution.started", execution)
    return execution


def publish(kind: str, execution: Execution) -> None:
    """Tells the user of the execution, and staff, once the transaction commits."""
    events.publish(kind, execution.event_data(), to_users=[execution.user_id])


def _finish(
    execution: Execution,
    function: Function,
    answer: JobResult | None,
    output: bytes,
    problem: Problem | None,
) -> None:
    end: dict[str, Any] = {
        "state": end_state(problem).value,
        "problem": kept_problem(function, problem),
        "output_bytes": len(output),
        "output": _kept(function, output),
        "finished_at": datetime.now(UTC),
    }
    if answer is not None:
        end |= {
            "start_ms": answer.load_ms + answer.reply.start_ms,
            "run_ms": max(answer.reply.run_ms - answer.host_ms, 0.0),
            "host_ms": answer.host_ms,
            "logs": [] if function.sensitive else storable(answer.reply.logs),
        }
    journal.change(execution, **end)


def _kept(function: Function, data: bytes) -> bytes | None:
    """What history keeps of an input or output."""
    return None if function.sensitive or len(data) > settings.EXECUTION_KEEP_BYTES else data


def kept_problem(function: Function, problem: Problem | None) -> dict[str, Any] | None:
    """The problem as history keeps it. A guest's words on a sensitive input could repeat a secret from it."""
    if problem is None:
        return None
    told: dict[str, Any] = storable(problem.as_dict())
    if function.sensitive:
        told = {key: told[key] for key in ("type", "title", "status")} | {"detail": problem.title}
        if isinstance(problem, GuestProblem | PluginError | PluginTrapped):
            told |= {"title": PluginError.title, "detail": "Its words are not kept: the input is sensitive."}
    return told
