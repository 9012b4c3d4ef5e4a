"""Authenticates callers of the host API over HTTP: runs in a browser, and programs with an API token.

Guests on the server do not come this way. The bridge knows which plugin it serves and calls
`plugins.host.dispatch` directly.
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
    """Sets request.auth to the Caller of a bearer token. Cookies and sessions do not count."""

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        return None, caller_of(bearer_token(request) or "", request)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(token: str, request: Request) -> Caller:
    """The caller that this token stands for.

    Raises NotAuthenticated, which names the kinds of token that are accepted and never says why this one is
    not.
    """
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
    raise NotAuthenticated(
        "Send an execution token, or an administrator's API token with host operations as scopes."
    )


class HostScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the tokens in the OpenAPI document."""

    target_class = HostAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        description = (
            "An execution token (hbx_…) or an API token (hba_…). Plugins on the server need neither."
        )
        return {"type": "http", "scheme": "bearer", "description": description}
