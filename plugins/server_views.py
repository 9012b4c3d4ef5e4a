"""What administrators see of the server itself."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.schemas import problems
from plugins import schemas
from plugins.permissions import IsStaff
from plugins.runtime import layers
from plugins.runtime.service import get_pool


class ServerView(APIView):
    permission_classes = (IsAuthenticated, IsStaff)

    @extend_schema(
        operation_id="get_server",
        responses={200: schemas.ServerSerializer, **problems(401, 403)},
        tags=["server"],
    )
    def get(self, request: Request) -> Response:
        """How plugins are confined on this system, and how large a bundle may be. For administrators."""
        found = get_pool().layers()
        answer = {
            "max_bundle_bytes": settings.PLUGIN_MAX_BUNDLE_BYTES,
            "workers": settings.PLUGIN_WORKERS,
            "sandbox": layers.describe(found) if found else [],
        }
        return Response(schemas.ServerSerializer(answer).data)
