"""Responses for errors outside views: problem+json for the APIs, plain text for other URLs."""

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from core.problems import CSRFFailed, InternalError, NotFound, Problem, response_for
from plugins.host.route_table import OperationNotFound

API_PATH = re.compile(r"/(api|host)(/|$)")


def error_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    if API_PATH.match(request.path):
        return response_for(problem)
    return HttpResponse(
        f"{problem.title}. {problem.detail}\n", "text/plain; charset=utf-8", status=problem.status
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/host/"):
        return error_response(request, OperationNotFound())
    return error_response(request, NotFound("This API has no such URL. /api/docs/ lists all of them."))


def server_error(request: HttpRequest) -> HttpResponse:
    return error_response(request, InternalError())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_response(request, CSRFFailed())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(
        request, Problem("The request is malformed, or its Host header is not one of ALLOWED_HOSTS.")
    )


@csrf_exempt  # otherwise an unsafe method would get a CSRF error instead of 404
def api_404(request: HttpRequest) -> HttpResponse:
    raise Http404
