"""/api/v1/plugins: list, install, show, change, watch and remove plugins."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import signed_in
from core.parsers import StrictJSONParser, UploadParser
from core.shapes import (
    BoundedListField,
    Pages,
    StrictBooleanField,
    StrictSerializer,
    TextField,
    checked,
    problems,
)
from plugins.api.grants import (
    NetworkGrantSerializer,
    NetworkRuleSerializer,
    PendingNetworkRuleSerializer,
    PendingPermissionSerializer,
    PermissionSerializer,
    network_keys,
    network_rows,
    permission_rows,
)
from plugins.api.permissions import IsStaffOrReads
from plugins.api.uploads import DownloadSerializer, ReportSerializer, UploadSerializer, bundle_in
from plugins.bundles.bundle import report
from plugins.bundles.manifest import Function, PluginManifest
from plugins.executions import breaker
from plugins.history.call_limits import limits_of
from plugins.models import Plugin, Release
from plugins.registry import catalogue, configuration, consent, installation
from plugins.registry.readiness import missing_settings
from plugins.registry.upgrades import widens


class FunctionSummarySerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    access = serializers.ChoiceField(["public", "user", "staff"])
    targets = serializers.ListField(child=serializers.ChoiceField(["server", "browser"]))


class FunctionSerializer(FunctionSummarySerializer):
    description = serializers.CharField()
    sensitive = serializers.BooleanField(
        help_text="Its input or output holds secrets, so neither is recorded."
    )
    input_schema = serializers.JSONField(allow_null=True)
    output_schema = serializers.JSONField(allow_null=True)
    max_input_bytes = serializers.SerializerMethodField()

    def get_max_input_bytes(self, function: Function) -> int:
        """The largest input that both the manifest and this server allow."""
        manifest: PluginManifest = self.context["manifest"]
        return limits_of(manifest, function).max_input_bytes


class LimitsSerializer(serializers.Serializer[Any]):
    timeout_ms = serializers.IntegerField()
    memory_mb = serializers.IntegerField()
    fuel = serializers.IntegerField()
    max_input_kb = serializers.IntegerField()
    max_output_kb = serializers.IntegerField()
    max_host_calls = serializers.IntegerField()
    max_bridge_kb = serializers.IntegerField()
    concurrency = serializers.IntegerField()


class PluginSummarySerializer(serializers.ModelSerializer[Plugin]):
    title = serializers.CharField(source="shown.manifest.title")
    description = serializers.CharField(source="shown.manifest.description")
    version = serializers.CharField(source="shown.version")
    state = serializers.ChoiceField(["waiting", "enabled", "disabled"])
    pending_version = serializers.CharField(source="pending.version", default=None, allow_null=True)
    functions = FunctionSummarySerializer(many=True, source="shown.manifest.functions")

    class Meta:
        model = Plugin
        fields = [
            "slug", "title", "description", "version", "enabled", "state", "pending_version", "functions",
        ]  # fmt: skip


class PendingSerializer(serializers.Serializer[Release]):
    """A release that waits for consent."""

    version = serializers.CharField()
    permissions = serializers.SerializerMethodField()
    network = serializers.SerializerMethodField()
    widens = serializers.SerializerMethodField()

    @extend_schema_field(PendingPermissionSerializer(many=True))
    def get_permissions(self, release: Release) -> list[dict[str, Any]]:
        active = release.plugin.release
        known = active.asks_for if active else frozenset()
        return [
            permission | {"new": permission["operation"] not in known}
            for permission in permission_rows(release, release.plugin.held)
        ]

    @extend_schema_field(PendingNetworkRuleSerializer(many=True))
    def get_network(self, release: Release) -> list[dict[str, Any]]:
        active = release.plugin.release
        known = active.network_asked if active else frozenset()
        rows = network_rows(release, release.plugin.network_held)
        return [
            row | {"new": rule.key not in known}
            for row, rule in zip(rows, release.manifest.network, strict=True)
        ]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_widens(self, release: Release) -> list[str]:
        """What it would allow, beyond its grants, that the active release does not: one sentence each."""
        active = release.plugin.release
        return widens(release.manifest, active.manifest) if active else []


class PluginDetailSerializer(PluginSummarySerializer):
    license = serializers.CharField(source="shown.manifest.license")
    sha256 = serializers.CharField(source="shown.sha256")
    size_bytes = serializers.IntegerField(source="shown.size_bytes")
    installed_at = serializers.DateTimeField(source="shown.created_at")
    functions = serializers.SerializerMethodField()  # type: ignore[assignment]
    permissions = serializers.SerializerMethodField()
    network = serializers.SerializerMethodField()
    limits = LimitsSerializer(source="shown.manifest.limits")
    active_version = serializers.CharField(source="release.version", default=None, allow_null=True)
    pending = PendingSerializer(allow_null=True)
    watching = serializers.SerializerMethodField()
    can_manage = serializers.SerializerMethodField()
    settings = serializers.SerializerMethodField()
    missing_settings = serializers.SerializerMethodField()
    settings_schema = serializers.JSONField(source="shown.manifest.settings_schema")
    paused = serializers.SerializerMethodField()
    removable = serializers.SerializerMethodField()

    class Meta(PluginSummarySerializer.Meta):
        fields = [
            *PluginSummarySerializer.Meta.fields,
            "license", "sha256", "size_bytes", "installed_at", "permissions", "network", "limits",
            "active_version", "pending", "watching", "can_manage", "settings", "missing_settings",
            "settings_schema", "paused", "removable",
        ]  # fmt: skip

    @extend_schema_field(FunctionSerializer(many=True))
    def get_functions(self, plugin: Plugin) -> Any:
        manifest = plugin.shown.manifest
        return FunctionSerializer(manifest.functions, many=True, context={"manifest": manifest}).data

    @extend_schema_field(PermissionSerializer(many=True))
    def get_permissions(self, plugin: Plugin) -> list[dict[str, Any]]:
        return permission_rows(plugin.shown, plugin.granted)

    def get_paused(self, plugin: Plugin) -> str:
        """Why calls are refused for a while, or an empty text."""
        return breaker.paused(plugin.slug, plugin.release_id)

    def get_removable(self, plugin: Plugin) -> bool:
        """Whether an administrator can remove it. Bundled plugins and the `AUTH_PLUGIN` cannot be removed."""
        return not installation.why_not_removable(plugin)

    @extend_schema_field(NetworkRuleSerializer(many=True))
    def get_network(self, plugin: Plugin) -> list[dict[str, Any]]:
        return network_rows(plugin.shown, plugin.network_granted)

    def get_watching(self, plugin: Plugin) -> bool:
        return plugin.watchers.filter(user=self.context["request"].user).exists()

    def get_can_manage(self, plugin: Plugin) -> bool:
        return bool(self.context["request"].user.is_staff)

    @extend_schema_field({"type": "object", "additionalProperties": True, "nullable": True})
    def get_settings(self, plugin: Plugin) -> dict[str, Any] | None:
        """Null unless you are an administrator. A secret that is set appears as `{"is_set": true}`."""
        return (
            configuration.public_settings(plugin) if self.get_can_manage(plugin) and plugin.release else None
        )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_missing_settings(self, plugin: Plugin) -> list[str]:
        """Required settings that are not set. The plugin cannot be called until they are."""
        return missing_settings(plugin.shown.manifest, plugin.settings)


class ChangePluginSerializer(StrictSerializer):
    enabled = StrictBooleanField(required=False)
    settings = serializers.DictField(
        required=False,
        help_text="All settings. Secret ones that are left out stay. Null clears a setting.",
    )
    grants = BoundedListField(child=TextField(max_length=64), max_length=200, required=False)
    network_grants = BoundedListField(child=NetworkGrantSerializer(), max_length=50, required=False)


class InstalledSerializer(serializers.Serializer[Any]):
    plugin = PluginDetailSerializer()
    version = serializers.CharField(help_text="The version of the installed release.")
    report = ReportSerializer()


class RemovedSerializer(serializers.Serializer[Any]):
    releases = serializers.IntegerField()
    executions = serializers.IntegerField()
    stored_values = serializers.IntegerField()


@extend_schema_view(
    get=extend_schema(
        operation_id="list_plugins",
        parameters=[OpenApiParameter("search", str, description="Part of the slug.")],
        responses={200: PluginSummarySerializer(many=True), **problems(401, 404)},
        tags=["plugins"],
    )
)
class PluginListView(ListAPIView[Plugin]):
    """The installed plugins."""

    permission_classes = (IsAuthenticated, IsStaffOrReads)
    parser_classes = (UploadParser, StrictJSONParser)
    serializer_class = PluginSummarySerializer
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Plugin]:
        found = Plugin.objects.select_related("release").prefetch_related("grants")
        search = self.request.query_params.get("search", "").strip().replace("\0", "")
        return found.filter(slug__icontains=search) if search else found

    @extend_schema(
        operation_id="install_plugin",
        parameters=[],
        request={
            "multipart/form-data": UploadSerializer,
            "application/json": DownloadSerializer,
        },
        responses={201: InstalledSerializer, **problems(400, 401, 403, 409, 413, 415, 502, 503, 504)},
        tags=["plugins"],
    )
    def post(self, request: Request) -> Response:
        """Installs a bundle: a .zip that you upload, or the one at `url` if its digest is `sha256`.

        A new plugin waits for consent; see `pending`.
        """
        bundle = bundle_in(request)
        release = installation.install_uploaded(bundle)
        plugin = catalogue.get_plugin(release.plugin.slug)
        answer = {"plugin": plugin, "version": release.version, "report": report(bundle)}
        return Response(
            InstalledSerializer(answer, context={"request": request}).data,
            status=201,
            headers={"Location": f"/api/v1/plugins/{plugin.slug}"},
        )


class PluginView(APIView):
    permission_classes = (IsAuthenticated, IsStaffOrReads)

    @extend_schema(
        operation_id="get_plugin",
        responses={200: PluginDetailSerializer, **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str) -> Response:
        """A plugin: its functions with their schemas, its permissions with their reasons, its limits."""
        return self._answer(request, slug)

    @extend_schema(
        operation_id="change_plugin",
        request=ChangePluginSerializer,
        responses={200: PluginDetailSerializer, **problems(400, 401, 403, 404, 409, 413, 415)},
        tags=["plugins"],
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Changes what you send: whether it is enabled, its settings, or the complete list of its grants.

        The plugin that people log in with cannot be disabled or lose grants that it needs (409).
        """
        plugin = catalogue.get_plugin(slug)
        data = checked(ChangePluginSerializer, request)
        with transaction.atomic():
            if "grants" in data or "network_grants" in data:
                consent.set_grants(
                    plugin,
                    data.get("grants"),
                    network_keys(data.get("network_grants")),
                    by=signed_in(request),
                )
            if "settings" in data:
                configuration.set_settings(plugin, data["settings"])
            if "enabled" in data:
                configuration.set_enabled(plugin, data["enabled"])
        return self._answer(request, slug)

    @extend_schema(
        operation_id="remove_plugin",
        responses={200: RemovedSerializer, **problems(401, 403, 404, 409)},
        tags=["plugins"],
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Removes the plugin with its releases, store and history. This cannot be undone.

        Returns how many of each were removed.
        """
        removed = installation.remove(catalogue.get_plugin(slug), by=signed_in(request))
        return Response(RemovedSerializer(removed).data)

    @staticmethod
    def _answer(request: Request, slug: str) -> Response:
        plugin = catalogue.get_plugin(slug)
        return Response(PluginDetailSerializer(plugin, context={"request": request}).data)


class WatchView(APIView):
    @extend_schema(
        operation_id="watch_plugin",
        request=None,
        responses={204: None, **problems(401, 403, 404)},
        tags=["plugins"],
    )
    def put(self, request: Request, slug: str) -> Response:
        """Starts showing you the plugin's notifications."""
        configuration.set_watching(catalogue.get_plugin(slug), signed_in(request), True)
        return Response(status=204)

    @extend_schema(
        operation_id="unwatch_plugin", responses={204: None, **problems(401, 403, 404)}, tags=["plugins"]
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Stops showing you the plugin's notifications."""
        configuration.set_watching(catalogue.get_plugin(slug), signed_in(request), False)
        return Response(status=204)
