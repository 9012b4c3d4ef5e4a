"""Permission classes of the public API."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.problems import Forbidden


class IsStaff(BasePermission):
    """Allows administrators only."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not getattr(request.user, "is_staff", False):
            raise Forbidden("Only administrators can do this.")
        return True


class IsStaffOrReads(IsStaff):
    """Allows everyone to read and administrators to change. Combine it with IsAuthenticated."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in {"GET", "HEAD", "OPTIONS"} or super().has_permission(request, view)
