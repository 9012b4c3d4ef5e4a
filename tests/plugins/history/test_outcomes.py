"""The problem that describes the end of a call."""

import json
import time

import pytest

from plugins.history.call_limits import CallLimits
from plugins.history.outcomes import PluginTrapped, failure_problem
from plugins.runtime.protocol import Failure

LIMITS = CallLimits(1000, 64, 0, 1 << 20, 1 << 20, 100, 1 << 20, 1)


def trap(message: str) -> Failure:
    return Failure(1, "trap", message, 0.0, 0.0)


def test_a_trap_names_the_authors_function_not_the_language_runtimes() -> None:
    message = """error while executing at wasm backtrace:
    0: 0x1a2b - plugin.wasm!core::panicking::panic
    1: 0x3c4d - plugin.wasm!divide
    2: 0x5e6f - plugin.wasm!run
wasm trap: integer divide by zero"""
    problem = failure_problem(trap(message), LIMITS)
    assert isinstance(problem, PluginTrapped)
    assert problem.detail.startswith("The plugin crashed in `divide`: integer divide by zero.")


def test_a_forged_backtrace_is_searched_in_linear_time() -> None:
    """A backtracking pattern took ten seconds, during which the web process served no one else."""
    started = time.thread_time()
    problem = failure_problem(trap("wasm backtrace:" + "a" * 64_000), LIMITS)
    assert time.thread_time() - started < 1
    assert problem.detail.startswith("The plugin crashed.")


@pytest.mark.parametrize("status", [409.0, 409.5, True, "409", None, [409], 10**400, 399, 430])
def test_problem_of_guest_has_an_integer_status(status: object) -> None:
    """Any other status could not be sent, so the guest's message is taken as text."""
    spoken = {"problem": {"status": status, "code": "busy", "title": "Busy", "detail": "Wait."}}
    problem = failure_problem(Failure(1, "guest_error", json.dumps(spoken), 0.0, 0.0), LIMITS)
    assert (problem.status, problem.code) == (422, "plugin-error")
