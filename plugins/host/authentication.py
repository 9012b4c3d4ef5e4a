"""Who may speak to the host API: the bridge in this process, a run in a browser, a program with scopes."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import services
from accounts.authentication import bearer_token
from accounts.models import APIToken
from accounts.problems import NotAuthenticated
from plugins import browser_runs
from plugins.host.caller import Caller
from plugins.models import ExecutionToken


class HostAuthentication(BaseAuthentication):
    """A Caller, as request.auth. Cookies and sessions mean nothing here.

    The bridge puts its Caller on the request object itself, where nothing that arrives over a socket can
    reach. Over the network it takes an execution token or an API token in the Authorization header.
    """

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        caller = getattr(request._request, "host_caller", None)
        if not isinstance(caller, Caller):
            caller = caller_of(bearer_token(request) or "", request)
            request._request.host_caller = caller  # type: ignore[attr-defined] # for the audit log
        return None, caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(token: str, request: Request) -> Caller:
    """Raises NotAuthenticated; never why, beyond the kind of token that is wanted."""
    kind, _, _ = token.partition("_")
    if kind == ExecutionToken.PREFIX:
        return browser_runs.caller_of(token)
    if kind == APIToken.prefix and (found := services.get_api_token(token)) and found.user.is_staff:
        return Caller(
            granted=frozenset(found.scopes),
            plugin=found.plugin,
            api_token_id=found.pk,
            user_agent=request.META.get("HTTP_USER_AGENT", ""),
            ip_address=request.META.get("REMOTE_ADDR") or None,
        )
    raise NotAuthenticated("The host API wants an execution token, or an API token with host operations.")


class HostScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes it."""

    target_class = HostAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        text = "An execution token (hbx_…) or an API token (hba_…). A guest on the server needs none."
        return {"type": "http", "scheme": "bearer", "description": text}
