"""What the views of the public API share."""

from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import APIToken, Session, User
from accounts.problems import Forbidden, NotAuthenticated


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class HasSession(BasePermission):
    """A log-in and not an API token: a token that leaked must not get hold of the account itself."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Session):
            raise Forbidden("Log in to do this; an API token may not.")
        return True


def checked(shape: Any, request: Request) -> dict[str, Any]:
    """The body in this shape. Raises InvalidInput, through REST framework."""
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    data: dict[str, Any] = form.validated_data
    return data


def signed_in(request: Request) -> User:
    """The user of a view that only lets users in."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def credential_of(request: Request) -> Session | APIToken:
    """What the user of a view that only lets users in has shown, with the user."""
    if not isinstance(request.auth, Session | APIToken):
        raise NotAuthenticated
    return request.auth


def session_of(request: Request) -> Session:
    """The session of a view with HasSession."""
    if not isinstance(request.auth, Session):
        raise NotAuthenticated
    return request.auth
