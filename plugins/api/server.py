"""/api/v1/server: how this server runs plugins, for administrators."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.shapes import problems
from plugins.api.permissions import IsStaff
from plugins.runtime import sandbox_status
from plugins.runtime.current_engine import get_pool


class LayerSerializer(serializers.Serializer[Any]):
    """One layer of the sandbox that confines workers."""

    name = serializers.CharField()
    state = serializers.ChoiceField(["on", "partial", "off"])
    detail = serializers.CharField(help_text="What a partial layer lacks, or why a layer is off.")
    keeps_out = serializers.CharField()
    if_missing = serializers.CharField()


class ServerSerializer(serializers.Serializer[Any]):
    max_bundle_bytes = serializers.IntegerField()
    workers = serializers.IntegerField(help_text="How many calls can run at once in each server process.")
    sandbox = LayerSerializer(many=True, help_text="Empty if no worker has started.")


class ServerView(APIView):
    permission_classes = (IsAuthenticated, IsStaff)

    @extend_schema(
        operation_id="get_server",
        responses={200: ServerSerializer, **problems(401, 403)},
        tags=["server"],
    )
    def get(self, request: Request) -> Response:
        """How plugins are sandboxed on this system, and how large a bundle may be. For administrators."""
        layers = get_pool().layers()
        answer = {
            "max_bundle_bytes": settings.PLUGIN_MAX_BUNDLE_BYTES,
            "workers": settings.PLUGIN_WORKERS,
            "sandbox": sandbox_status.describe(layers) if layers else [],
        }
        return Response(ServerSerializer(answer).data)
