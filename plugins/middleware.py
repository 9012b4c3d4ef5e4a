"""Django middleware."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.problems import response_for
from plugins.runtime.egress import RequestLoop
from plugins.runtime.service import own_pseudonym


def is_from_own_plugin(request: HttpRequest) -> bool:
    """Whether one of this server's own plugins sent it: through a proxy, under whatever name.

    The egress gate knows the addresses on which this server listens, but not those of a proxy in front of it.
    Via is passed on by proxies and cannot be set by a guest.
    """
    return own_pseudonym() in request.headers.get("Via", "")


def refuse_own_plugins(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuses what this server's own plugins sent; the call endpoint does so itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_from_own_plugin(request):
            return response_for(RequestLoop())
        return get_response(request)

    return middleware
