"""The HTTP response to a call: the function's output unchanged, or a problem."""

import logging

from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse

from core.problems import InternalError, Problem, response_for
from plugins.executions.runner import Outcome
from plugins.models import Execution

logger = logging.getLogger("hostbridge.calls")


def outcome_response(outcome: Outcome) -> HttpResponse:
    if outcome.problem is None:
        return HttpResponse(outcome.output, headers=output_headers(outcome))
    outcome.problem.members["execution"] = str(outcome.execution.pk)
    response: HttpResponse = response_for(outcome.problem)
    for name, value in _execution_headers(outcome.execution).items():
        response[name] = value
    return response


def output_headers(outcome: Outcome) -> dict[str, str]:
    """The media type is never one that a browser renders as a page, so nothing in the output can run."""
    typed = outcome.function.output_schema is not None
    media_type = "application/json" if typed else "application/octet-stream"
    return {"Content-Type": media_type} | _execution_headers(outcome.execution)


def accepted_headers(execution: Execution) -> dict[str, str]:
    """For a call that runs in the background (RFC 7240, `respond-async`)."""
    return {
        "Location": f"/api/v1/executions/{execution.pk}",
        "Execution-Id": str(execution.pk),
        "Preference-Applied": "respond-async",
    }


def error_response(error: Exception) -> HttpResponse:
    """The problem response for any exception. An unexpected one is logged and becomes InternalError."""
    if isinstance(error, Problem):
        return response_for(error)
    if isinstance(error, SuspiciousOperation):
        return response_for(Problem("The request is malformed or not allowed."))
    logger.error("A call failed", exc_info=error)
    return response_for(InternalError())


def server_timing(execution: Execution) -> str:
    """The Server-Timing header (https://www.w3.org/TR/server-timing/), in milliseconds."""
    return (
        f"queue;dur={execution.queue_ms or 0:.3f}, start;dur={execution.start_ms or 0:.3f}, "
        f"run;dur={execution.run_ms or 0:.3f}, host;dur={execution.host_ms or 0:.3f}"
    )


def _execution_headers(execution: Execution) -> dict[str, str]:
    return {
        "Execution-Id": str(execution.pk),
        "Server-Timing": server_timing(execution),
        "Cache-Control": "no-store",
    }
