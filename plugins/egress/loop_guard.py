"""Stops plugins from calling their own server through the Internet.

A plugin that calls its own server could call itself again and again. The egress gate refuses the addresses on
which this server listens, but it does not know those of a proxy in front of the server. So the gate adds a
pseudonym of this server to every request, in the header Via, which proxies pass on and guests cannot set. The
server refuses requests that carry its own pseudonym: the middleware below does so for Django, and the call
endpoint does so itself.
"""

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from core.problems import Problem, response_for


class RequestLoop(Problem):
    status = 508
    code = "request-loop"
    title = "Request loop detected"
    default_detail = (
        "A plugin of this server sent this request. Plugins can reach their own server only through the host "
        "API."
    )


@cache
def own_pseudonym() -> str:
    """Names this server in the header Via (RFC 9110, 7.6.3).

    All its processes share the pseudonym, which does not reveal to others which server it is.
    """
    return f"hostbridge-{salted_hmac('hostbridge.egress', 'via', algorithm='sha256').hexdigest()[:16]}"


def is_from_own_plugin(request: HttpRequest) -> bool:
    """Whether a plugin of this server sent the request, even through a proxy or under another host name."""
    return own_pseudonym() in request.META.get("HTTP_VIA", "")


def refuse_own_plugins(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Middleware that answers requests of this server's own plugins with RequestLoop."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_from_own_plugin(request):
            return response_for(RequestLoop())
        return get_response(request)

    return middleware
