"""The shapes of plugins and their releases."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.operations import PERMISSIONS
from core.shapes import BoundedListField, StrictSerializer, TextField
from plugins.bundles.manifest import Function, NetworkKey, PluginManifest
from plugins.executions import breaker
from plugins.history.limits import limits_of
from plugins.models import Plugin, Release
from plugins.registry.configuration import public_settings
from plugins.registry.installation import why_kept
from plugins.registry.upgrades import widens


class FunctionSummarySerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    access = serializers.ChoiceField(["public", "user", "staff"])
    targets = serializers.ListField(child=serializers.ChoiceField(["server", "browser"]))


class FunctionSerializer(FunctionSummarySerializer):
    description = serializers.CharField()
    sensitive = serializers.BooleanField(help_text="Input or output holds secrets; keep neither.")
    input_schema = serializers.JSONField(allow_null=True)
    output_schema = serializers.JSONField(allow_null=True)
    max_input_bytes = serializers.SerializerMethodField()

    def get_max_input_bytes(self, function: Function) -> int:
        """What a call may send, at most: by the manifest, and by this server."""
        manifest: PluginManifest = self.context["manifest"]
        return limits_of(manifest, function).max_input_bytes


class PermissionSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField()
    title = serializers.CharField()
    meaning = serializers.CharField()
    risk = serializers.ChoiceField(["low", "medium", "high", "highest"])
    reason = serializers.CharField()
    optional = serializers.BooleanField()
    granted = serializers.BooleanField()


class NetworkRuleSerializer(serializers.Serializer[Any]):
    """An address outside that the plugin asks for."""

    url = serializers.CharField()
    methods = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    optional = serializers.BooleanField()
    granted = serializers.BooleanField()


class PendingPermissionSerializer(PermissionSerializer):
    new = serializers.BooleanField(help_text="The active release does not ask for it.")


class PendingNetworkRuleSerializer(NetworkRuleSerializer):
    new = serializers.BooleanField(help_text="The active release does not ask for it.")


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
            for permission in permission_rows(release, release.plugin.granted)
        ]

    @extend_schema_field(PendingNetworkRuleSerializer(many=True))
    def get_network(self, release: Release) -> list[dict[str, Any]]:
        active = release.plugin.release
        known = active.network_asked if active else frozenset()
        rows = network_rows(release, release.plugin.network_granted)
        return [
            row | {"new": rule.key not in known}
            for row, rule in zip(rows, release.manifest.network, strict=True)
        ]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_widens(self, release: Release) -> list[str]:
        """What else would become possible that the active release does not allow, a sentence each."""
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
    settings_schema = serializers.JSONField(source="shown.manifest.settings_schema")
    paused = serializers.SerializerMethodField()
    removable = serializers.SerializerMethodField()

    class Meta(PluginSummarySerializer.Meta):
        fields = [
            *PluginSummarySerializer.Meta.fields,
            "license", "sha256", "size_bytes", "installed_at", "permissions", "network", "limits",
            "active_version", "pending", "watching", "can_manage", "settings", "settings_schema",
            "paused", "removable",
        ]  # fmt: skip

    @extend_schema_field(FunctionSerializer(many=True))
    def get_functions(self, plugin: Plugin) -> Any:
        manifest = plugin.shown.manifest
        return FunctionSerializer(manifest.functions, many=True, context={"manifest": manifest}).data

    @extend_schema_field(PermissionSerializer(many=True))
    def get_permissions(self, plugin: Plugin) -> list[dict[str, Any]]:
        return permission_rows(plugin.shown, plugin.granted)

    def get_paused(self, plugin: Plugin) -> str:
        """Why calls are refused for a while; empty if they are not."""
        return breaker.paused(plugin.slug, plugin.release_id)

    def get_removable(self, plugin: Plugin) -> bool:
        """Whether an administrator can remove it; what comes with Hostbridge and the `AUTH_PLUGIN` stay."""
        return not why_kept(plugin)

    @extend_schema_field(NetworkRuleSerializer(many=True))
    def get_network(self, plugin: Plugin) -> list[dict[str, Any]]:
        return network_rows(plugin.shown, plugin.network_granted)

    def get_watching(self, plugin: Plugin) -> bool:
        return plugin.watchers.filter(user=self.context["request"].user).exists()

    def get_can_manage(self, plugin: Plugin) -> bool:
        return bool(self.context["request"].user.is_staff)

    @extend_schema_field({"type": "object", "additionalProperties": True, "nullable": True})
    def get_settings(self, plugin: Plugin) -> dict[str, Any] | None:
        """For administrators; null for others. Secret settings are null where they are set."""
        return public_settings(plugin) if self.get_can_manage(plugin) and plugin.release else None


def permission_rows(release: Release, granted: frozenset[str]) -> list[dict[str, Any]]:
    """What the release asks for, with what an administrator is told about it."""
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


class NetworkGrantSerializer(StrictSerializer):
    """One of the release's network rules, just as it asks for it."""

    url = TextField(max_length=500)
    methods = BoundedListField(child=TextField(max_length=10), min_length=1, max_length=10)


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    state = serializers.SerializerMethodField()

    class Meta:
        model = Release
        fields = ["version", "sha256", "size_bytes", "created_at", "state"]

    @extend_schema_field(serializers.ChoiceField(["active", "pending", "previous"]))
    def get_state(self, release: Release) -> str:
        if release.pk == release.plugin.release_id:
            return "active"
        return "pending" if release == release.plugin.pending else "previous"
