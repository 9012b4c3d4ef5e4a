"""What the views of the public API share."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import Session
from core.problems import Forbidden


class HasSession(BasePermission):
    """A log-in and not an API token: a token that leaked must not get hold of the account itself."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Session):
            raise Forbidden("Log in to do this; an API token may not.")
        return True
