"""Who may use a view of the public API."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.problems import Forbidden


class IsStaff(BasePermission):
    """Administrators."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not getattr(request.user, "is_staff", False):
            raise Forbidden("This is for administrators.")
        return True


class IsStaffOrReads(IsStaff):
    """Everybody who is logged in reads; administrators change."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in {"GET", "HEAD", "OPTIONS"} or super().has_permission(request, view)
