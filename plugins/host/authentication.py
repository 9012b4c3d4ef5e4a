"""Who may speak to the host API over the network: a run in a browser, a program with scopes.

A guest on the server comes by the bridge, which knows who it is and asks plugins.host.dispatch itself.
"""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import api_tokens
from accounts.authentication import bearer_token, client_address
from accounts.models import APIToken
from core.problems import NotAuthenticated
from plugins.host import execution_tokens
from plugins.host.caller import Caller
from plugins.models import ExecutionToken


class HostAuthentication(BaseAuthentication):
    """A Caller, as request.auth, for a bearer token. Cookies and sessions mean nothing here."""

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        return None, caller_of(bearer_token(request) or "", request)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(token: str, request: Request) -> Caller:
    """Raises NotAuthenticated; never why, beyond the kind of token that is wanted."""
    kind, _, _ = token.partition("_")
    if kind == ExecutionToken.PREFIX:
        return execution_tokens.caller_of(token)
    if kind == APIToken.prefix and (found := api_tokens.get_api_token(token)) and found.user.is_staff:
        return Caller(
            granted=frozenset(found.scopes),
            plugin=found.plugin,
            api_token_id=found.pk,
            user_agent=request.META.get("HTTP_USER_AGENT", ""),
            ip_address=client_address(request._request),
        )
    raise NotAuthenticated("The host API wants an execution token, or an API token with host operations.")


class HostScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes it."""

    target_class = HostAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        text = "An execution token (hbx_…) or an API token (hba_…). A guest on the server needs none."
        return {"type": "http", "scheme": "bearer", "description": text}
