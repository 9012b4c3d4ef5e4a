"""Django middleware."""

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from core.problems import Problem, response_for


def is_from_own_plugin(request: HttpRequest) -> bool:
    """Whether one of this server's own plugins sent it: through a proxy, under whatever name.

    The egress gate knows the addresses on which this server listens, but not those of a proxy in front of it.
    Via is passed on by proxies and cannot be set by a guest.
    """
    return own_pseudonym() in request.META.get("HTTP_VIA", "")


def refuse_own_plugins(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuses what this server's own plugins sent; the call endpoint does so itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_from_own_plugin(request):
            return response_for(RequestLoop())
        return get_response(request)

    return middleware


class RequestLoop(Problem):
    status = 508
    code = "request-loop"
    title = "This request came from a plugin of this server"
    default_detail = "Plugins reach their own server through the host API only."


@cache
def own_pseudonym() -> str:
    """How requests of this server's plugins are signed in the header Via (RFC 9110, 7.6.3).

    The same in each of its processes, and telling nobody else which server it is.
    """
    return f"hostbridge-{salted_hmac('hostbridge.egress', 'via', algorithm='sha256').hexdigest()[:16]}"
