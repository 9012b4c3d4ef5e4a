"""Authentication: by a bearer token for API clients, by an HttpOnly cookie for browsers.

Browsers also send the cookie with requests that other sites make. With the cookie, every unsafe method
therefore needs Django's CSRF token; with the Authorization header none does.
"""

import contextlib
import ipaddress
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import api_tokens, sessions
from accounts.models import APIToken, Session, User
from core.problems import CSRFFailed, Forbidden, NotAuthenticated, SessionExpired

COOKIE = "hostbridge_session"
API_SCOPE = "api"  # use of the public API as the token's owner


def authenticate(
    request: HttpRequest,
    find_session: Callable[[str], Session | None] = sessions.get_session,
    find_api_token: Callable[[str], APIToken | None] = api_tokens.get_api_token,
) -> tuple[User, Session | APIToken] | None:
    """The user and the credential of a request with a bearer token or session cookie; None if it has neither.

    Raises NotAuthenticated, SessionExpired, Forbidden or, for a cookie without a CSRF token, CSRFFailed.
    """
    token = bearer_token(request)
    if token is None:
        token = request.COOKIES.get(COOKIE) or None
        if token is None:
            return None
        check_csrf(request)
    if token.startswith(f"{APIToken.prefix}_"):
        return _with_api_scope(find_api_token(token))
    session = find_session(token)
    if session is None:
        raise SessionExpired
    return session.user, session


def _with_api_scope(api_token: APIToken | None) -> tuple[User, APIToken]:
    if api_token is None:
        raise NotAuthenticated("This API token is unknown, expired or revoked.")
    if API_SCOPE not in api_token.scopes:
        raise Forbidden(f"This API token lacks the scope {API_SCOPE}.")
    return api_token.user, api_token


class SessionAuthentication(BaseAuthentication):
    """For REST framework. `request.user` is the User, `request.auth` the Session or APIToken."""

    def authenticate(self, request: Request) -> tuple[User, Session | APIToken] | None:
        return authenticate(request._request)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes SessionAuthentication in the OpenAPI document."""

    target_class = SessionAuthentication
    name = ["bearer", "cookie"]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer"},
            {"type": "apiKey", "in": "cookie", "name": COOKIE},
        ]


def bearer_token(request: Request | HttpRequest) -> str | None:
    """The token in the Authorization header, or None. Raises NotAuthenticated if the header is malformed."""
    header = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or " " in token:
        raise NotAuthenticated("The Authorization header must read: Bearer <token>.")
    return str(token)


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address: the socket's or, with TRUST_PROXY, the one that the proxy in front reports.

    Uses only the last address in X-Forwarded-For, because the client can make up those before it.
    """
    address: str = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        with contextlib.suppress(ValueError):
            address = str(ipaddress.ip_address(forwarded))
    return address or None


class _CSRFCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _no_view(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def check_csrf(request: HttpRequest) -> None:
    """Runs Django's CSRF check for views that are exempt from its middleware. Raises CSRFFailed."""
    check = _CSRFCheck(_no_view)
    check.process_request(request)
    if reason := check.process_view(request, _no_view, (), {}):
        raise CSRFFailed(f"{CSRFFailed.default_detail} ({reason})")


def set_session_cookie(response: HttpResponse, token: str, session_expires_in: int) -> None:
    """Sets the session cookie, hidden from scripts and not sent with requests from other sites."""
    response.set_cookie(
        COOKIE, token, max_age=session_expires_in, httponly=True, samesite="Lax", secure=settings.PUBLIC_HTTPS
    )


def delete_session_cookie(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def signed_in(request: Request) -> User:
    """The user, in a view that requires one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def credential_of(request: Request) -> Session | APIToken:
    """The user's credential, with its user, in a view that requires a user."""
    if not isinstance(request.auth, Session | APIToken):
        raise NotAuthenticated
    return request.auth


def session_of(request: Request) -> Session:
    """The session, in a view with HasSession."""
    if not isinstance(request.auth, Session):
        raise NotAuthenticated
    return request.auth
