"""CORS for the host API. A run in a browser has an opaque origin, so every origin is allowed.

That is safe because the host API accepts tokens only, never cookies, and never sends
Access-Control-Allow-Credentials.
"""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from core.problems import response_for
from plugins.host.route_table import OperationNotFound

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
    """Answers a browser's preflight, which has no token: https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
    return HttpResponse(status=204, headers=_PREFLIGHT)


@csrf_exempt  # otherwise an unsafe method would get 403 (CSRF) in place of 404
def no_operation(request: HttpRequest) -> HttpResponse:
    """Answers 404 for every other address below /host/v1/, as the bridge does for guests on the server."""
    if request.method == "OPTIONS":
        return preflight()
    response = response_for(OperationNotFound())
    allow_any_origin(response)
    return response
