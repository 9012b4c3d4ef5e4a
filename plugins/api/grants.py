"""/api/v1/permissions, and the shapes of what plugins ask for and are granted."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.operations import PERMISSIONS
from core.shapes import BoundedListField, StrictSerializer, TextField, problems
from plugins.bundles.manifest import NetworkKey
from plugins.models import Release


class PermissionInfoSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(source="name")
    title = serializers.CharField()
    meaning = serializers.CharField()
    risk = serializers.ChoiceField(["low", "medium", "high", "highest"])


class PermissionSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField()
    title = serializers.CharField()
    meaning = serializers.CharField()
    risk = serializers.ChoiceField(["low", "medium", "high", "highest"])
    reason = serializers.CharField()
    optional = serializers.BooleanField()
    granted = serializers.BooleanField()


class NetworkRuleSerializer(serializers.Serializer[Any]):
    """An outside address that the plugin asks for."""

    url = serializers.CharField()
    methods = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    optional = serializers.BooleanField()
    granted = serializers.BooleanField()


class PendingPermissionSerializer(PermissionSerializer):
    new = serializers.BooleanField(help_text="The active release does not ask for it.")


class PendingNetworkRuleSerializer(NetworkRuleSerializer):
    new = serializers.BooleanField(help_text="The active release does not ask for it.")


class NetworkGrantSerializer(StrictSerializer):
    """One of the release's network rules, exactly as its manifest states it."""

    url = TextField(max_length=500)
    methods = BoundedListField(child=TextField(max_length=10), min_length=1, max_length=10)


class PermissionListView(APIView):
    @extend_schema(
        operation_id="list_permissions",
        responses={200: PermissionInfoSerializer(many=True), **problems(401)},
        tags=["plugins"],
    )
    def get(self, request: Request) -> Response:
        """All permissions that a plugin can be granted."""
        return Response(PermissionInfoSerializer(PERMISSIONS.values(), many=True).data)


def permission_rows(release: Release, granted: frozenset[str]) -> list[dict[str, Any]]:
    """The permissions that the release asks for, with what an administrator reads about each."""
    found = []
    for asked in release.manifest.permissions:
        known = PERMISSIONS[asked.operation]
        found.append(
            {
                "operation": asked.operation,
                "title": known.title,
                "meaning": known.meaning,
                "risk": str(known.risk),
                "reason": asked.reason,
                "optional": asked.optional,
                "granted": asked.operation in granted,
            }
        )
    return found


def network_rows(release: Release, granted: frozenset[NetworkKey]) -> list[dict[str, Any]]:
    return [
        {
            "url": rule.url,
            "methods": list(rule.methods),
            "reason": rule.reason,
            "optional": rule.optional,
            "granted": rule.key in granted,
        }
        for rule in release.manifest.network
    ]


def network_keys(rules: list[dict[str, Any]] | None) -> frozenset[NetworkKey] | None:
    return (
        None if rules is None else frozenset((rule["url"], tuple(sorted(rule["methods"]))) for rule in rules)
    )
