"""Permission classes for REST framework views."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import Session
from core.problems import Forbidden


class HasSession(BasePermission):
    """Requires a session, not an API token, so that a leaked token cannot take over the account."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Session):
            raise Forbidden("This requires a session. Log in; an API token is not enough.")
        return True
