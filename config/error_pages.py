"""Errors outside of views: problem+json for the APIs, plain text elsewhere."""

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from core.problems import CSRFFailed, InternalError, NotFound, Problem, response_for
from plugins.host.routes import OperationNotFound

API_ADDRESS = re.compile(r"/(api|host)(/|$)")


def plain_error(request: HttpRequest, problem: Problem) -> HttpResponse:
    if API_ADDRESS.match(request.path):
        return response_for(problem)
    return HttpResponse(
        f"{problem.title}. {problem.detail}\n", "text/plain; charset=utf-8", status=problem.status
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/host/"):
        return plain_error(request, OperationNotFound())
    return plain_error(request, NotFound("There is no such address in this API; /api/docs/ lists them."))


def server_error(request: HttpRequest) -> HttpResponse:
    return plain_error(request, InternalError())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return plain_error(request, CSRFFailed())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, Problem("The server cannot make sense of this request."))


@csrf_exempt  # or an unsafe method would be told of a missing proof before the missing address
def api_404(request: HttpRequest) -> HttpResponse:
    raise Http404
