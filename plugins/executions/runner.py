"""Runs plugin functions: takes each call from its authorization to its end.

A call is first authorized, which reads the database (plugins.executions.authorization). `begin` adds the
input, and `run` runs it on the engine's event loop. Calls never run inside a transaction: a plugin that waits
for its own host call could then wait for a lock that its caller holds.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection
from msgspec.structs import replace

from core.problems import PayloadTooLarge, Problem
from plugins.bundles.manifest import Function
from plugins.executions import breaker, login_throttle, recording, remote_cancel
from plugins.executions.authorization import Authorization, Client, authorize
from plugins.history.call_limits import CallLimits
from plugins.history.journal import get_journal
from plugins.history.outcomes import (
    PluginCancelled,
    PluginCrashed,
    PluginTimedOut,
    PoolOverloaded,
    ServerStopping,
    failure_problem,
    is_fault,
    runtime_problem,
)
from plugins.host import bridge
from plugins.host.caller import Caller
from plugins.models import Execution
from plugins.registry import catalogue
from plugins.runtime.admission_queue import Overloaded
from plugins.runtime.current_engine import get_engine
from plugins.runtime.engine import Offload
from plugins.runtime.job import Job, JobResult, WorkerError
from plugins.runtime.pool import CallTicket, Stopping
from plugins.runtime.protocol import Failure, GuestRequest, HostReply

logger = logging.getLogger("hostbridge.executions")

SLOW_SHARE = 0.8  # a call that used more than this share of its time limit counts as slow
_background: set[asyncio.Task[None]] = set()


class RunEnded(Problem):
    status = 409
    code = "run-ended"
    title = "This run has already ended"


class InputNotKept(Problem):
    status = 409
    code = "input-not-kept"
    title = "The input of this run was not kept"
    default_detail = (
        "The input was sensitive or too large to keep. Call the function again and send the input."
    )


@dataclass(frozen=True)
class Outcome:
    """The end of a call: its output, or a problem."""

    execution: Execution
    function: Function
    output: bytes = b""
    problem: Problem | None = None


@dataclass(frozen=True)
class Call:
    """A call with everything it needs. From here on, only its host calls read the database."""

    authorization: Authorization
    execution: Execution
    job: Job
    caller: Caller


async def run(
    authorization: Authorization,
    payload: bytes,
    offload: Offload,
    *,
    on_admitted: Callable[[Execution], object] = lambda _: None,
) -> Outcome:
    """Calls the function on the engine's loop and records it. `offload` runs what waits for the database.

    Raises RateLimited, PoolOverloaded, and what `begin` raises. Later failures become the Outcome's problem.
    """
    slug, function, client = authorization.plugin.slug, authorization.function.name, authorization.client
    async with login_throttle.attempt(slug, function, payload, client.ip_address, offload) as attempt:
        call = begin(authorization, payload)
        try:
            with get_engine().pool.admit(call.execution.pk, slug, authorization.limits.workers) as ticket:
                get_journal().begin(call.execution)
                on_admitted(call.execution)
                outcome = await _perform(call, ticket, offload)
        except Overloaded as error:
            breaker.record(slug, authorization.release.pk, "none")
            raise PoolOverloaded from error
        attempt.succeeded, attempt.problem = outcome.problem is None, outcome.problem
    return outcome


def run_and_wait(authorization: Authorization, payload: bytes) -> Outcome:
    """As `run`, from any thread except the engine's. Host calls use this thread and its database connection.

    Raises RuntimeError inside a transaction.
    """
    if connection.in_atomic_block:
        raise RuntimeError("A plugin may not run inside a database transaction.")
    return get_engine().run(lambda offload: run(authorization, payload, offload))


async def start(authorization: Authorization, payload: bytes) -> Execution:
    """Starts a call on the engine's loop, and returns when it is admitted. Raises what `run` raises."""
    admitted: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()

    def on_admitted(execution: Execution) -> None:
        if not admitted.done():
            admitted.set_result(execution)

    async def perform() -> None:
        try:
            await run(authorization, payload, get_engine().offload, on_admitted=on_admitted)
        except Exception as error:
            if admitted.done():
                logger.exception("A background call failed")
            else:
                admitted.set_exception(error)

    task = asyncio.create_task(perform())
    _background.add(task)
    task.add_done_callback(_background.discard)
    return await admitted


def start_and_wait(authorization: Authorization, payload: bytes) -> Execution:
    """As `start`, from any thread except the engine's."""
    return get_engine().run(lambda _: start(authorization, payload))


async def wait_for_background() -> None:
    """Waits until all background calls are recorded. For a server that has closed its pool."""
    while _background:
        await asyncio.wait(_background)


def cancel(execution: Execution) -> None:
    """Cancels the call, in whichever process it runs. Raises RunEnded.

    Its end is recorded and published like any other.
    """
    get_journal().flush()
    execution.refresh_from_db()
    if execution.finished_at is not None:
        raise RunEnded(f"It ended before it could be cancelled. Its state is “{execution.state}”.")
    if not get_engine().cancel(execution.pk):
        remote_cancel.request_cancel(execution)


def replay(execution: Execution, client: Client) -> Outcome:
    """Calls the same function again with the same input, as this client and on the active release.

    Raises InputNotKept, and what `authorize` and `run` raise.
    """
    if execution.input is None:
        raise InputNotKept
    plugin = catalogue.get_plugin(execution.plugin.slug)
    return run_and_wait(authorize(plugin, execution.function, client), bytes(execution.input))


def begin(authorization: Authorization, payload: bytes) -> Call:
    """Raises RecordsNotWritten, PayloadTooLarge and PluginPaused."""
    get_journal().check()
    limit = authorization.limits.max_input_bytes
    if len(payload) > limit:
        raise PayloadTooLarge(f"The input may have at most {limit} bytes.")
    plugin, client = authorization.plugin, authorization.client
    breaker.check(plugin.slug, authorization.release.pk)
    execution = authorization.pattern.another(
        input_bytes=len(payload),
        input=recording.retained_body(authorization.function, payload),
        created_at=datetime.now(UTC),
    )
    caller = Caller(
        authorization.granted,
        plugin.slug,
        execution.pk,
        network=authorization.network,
        user_agent=client.user_agent,
        ip_address=client.ip_address,
    )
    return Call(authorization, execution, replace(authorization.job, payload=payload), caller)


async def _perform(call: Call, ticket: CallTicket, offload: Offload) -> Outcome:
    """Runs the call in a worker and records its end."""

    async def handle(request: GuestRequest, deadline: float) -> HostReply:
        return await offload(bridge.handle, request, call.caller, deadline)

    authorization, execution = call.authorization, call.execution
    result, problem = None, None
    try:
        result, execution.queue_ms = await get_engine().pool.run(
            ticket, call.job, handle, on_start=lambda: recording.record_start(execution)
        )
        if isinstance(result.reply, Failure):
            problem = failure_problem(result.reply, authorization.limits)
    except (WorkerError, Overloaded, Stopping) as error:
        problem = runtime_problem(error, authorization.release.manifest.wasm.path)
    except asyncio.CancelledError:  # the server stops, or the caller was interrupted
        _conclude(call, None, ServerStopping())
        raise
    except BaseException:
        _conclude(call, None, PluginCrashed())
        raise
    return _conclude(call, result, problem)


def _conclude(call: Call, result: JobResult | None, problem: Problem | None) -> Outcome:
    """Records the end in the history and in the plugin's breaker."""
    authorization, execution = call.authorization, call.execution
    output = recording.record_end(execution, authorization.function, result, problem)
    verdict = _verdict(execution, problem, authorization.limits)
    breaker.record(authorization.plugin.slug, authorization.release.pk, verdict)
    return Outcome(execution, authorization.function, output, problem)


def _verdict(execution: Execution, problem: Problem | None, limits: CallLimits) -> breaker.Verdict:
    """How the plugin's breaker counts the call."""
    if isinstance(problem, PoolOverloaded | PluginCancelled | ServerStopping):
        return "none"
    if isinstance(problem, PluginTimedOut):
        return "slow"
    if is_fault(problem):
        return "fault"
    spent_ms = (execution.run_ms or 0.0) + (execution.host_ms or 0.0)
    return "slow" if spent_ms > SLOW_SHARE * limits.timeout_ms else "good"
