"""Lets a run in a browser ask: its origin is opaque, so the host API answers every origin.

No cookie counts there, only tokens, and Access-Control-Allow-Credentials is never sent.
"""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from core.problems import response_for
from plugins.host.routes import OperationNotFound

_ALLOW_ORIGIN = "Access-Control-Allow-Origin"
_PREFLIGHT = {
    _ALLOW_ORIGIN: "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def allow_any_origin(response: HttpResponseBase) -> None:
    response[_ALLOW_ORIGIN] = "*"


def preflight() -> HttpResponse:
    """A browser asks before it asks, without a token: https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
    return HttpResponse(status=204, headers=_PREFLIGHT)


@csrf_exempt  # or an unsafe method would be told of a missing proof before the missing address
def no_operation(request: HttpRequest) -> HttpResponse:
    """Every other address below the host API's: a run in a browser is told as one on the server is."""
    if request.method == "OPTIONS":
        return preflight()
    response = response_for(OperationNotFound())
    allow_any_origin(response)
    return response
