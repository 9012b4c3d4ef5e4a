"""Plugins, their executions and the audit log in the Django admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from plugins.history.journal import get_journal
from plugins.models import Execution, Grant, HostCall, NetworkGrant, Plugin, Release
from plugins.registry import configuration
from plugins.runtime.sandbox_status import missing
from plugins.runtime.service import get_pool


class ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GrantInline(admin.TabularInline[Grant, Plugin]):
    model = Grant
    extra = 0
    fields = ("permission", "granted_by", "granted_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NetworkGrantInline(admin.TabularInline[NetworkGrant, Plugin]):
    model = NetworkGrant
    extra = 0
    fields = ("methods", "url", "granted_by", "granted_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReleaseInline(ReadOnly, admin.TabularInline[Release, Plugin]):
    model = Release
    fk_name = "plugin"
    extra = 0
    fields = readonly_fields = ("version", "sha256", "size_bytes", "created_at")
    can_delete = False


@admin.register(Plugin)
class PluginAdmin(admin.ModelAdmin[Plugin]):
    list_display = ("slug", "release", "enabled", "created_at")
    list_filter = ("enabled",)
    search_fields = ("slug",)
    list_select_related = ("release__plugin",)
    # Without settings: secret ones must not be shown, and all must be validated by the plugin's schema.
    fields = ("slug", "enabled", "release", "created_at")
    readonly_fields = ("slug", "release", "created_at")
    inlines = (GrantInline, NetworkGrantInline, ReleaseInline)
    actions = ("enable", "disable")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # installation.remove deletes more than rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # The list takes look-ups of any field from its URL: `settings__…__startswith` would reveal secrets.
        return not lookup.startswith("settings") and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Shows above the list how workers are confined."""
        layers = get_pool().layers()
        context = {"sandbox": layers, "sandbox_missing": missing(layers)}
        return super().changelist_view(request, context | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: Plugin, form: Any, change: bool) -> None:
        """Saves through the registry, which publishes the change, including grants removed here."""
        configuration.set_enabled(obj, form.cleaned_data["enabled"])

    @admin.action(description="Enable selected plugins")
    def enable(self, request: HttpRequest, queryset: Any) -> None:
        for plugin in queryset:
            configuration.set_enabled(plugin, True)

    @admin.action(description="Disable selected plugins")
    def disable(self, request: HttpRequest, queryset: Any) -> None:
        for plugin in queryset:
            configuration.set_enabled(plugin, False)


class HostCallInline(ReadOnly, admin.TabularInline[HostCall, Execution]):
    model = HostCall
    extra = 0
    can_delete = False


class HistoryAdmin(ReadOnly):
    """Writes buffered records first, so that the page is up to date."""

    def get_queryset(self, request: HttpRequest) -> Any:
        get_journal().flush()
        return super().get_queryset(request)  # type: ignore[misc]


@admin.register(Execution)
class ExecutionAdmin(HistoryAdmin, admin.ModelAdmin[Execution]):
    list_display = ("created_at", "plugin", "function", "state", "user", "target", "run_ms", "host_ms")
    list_filter = ("state", "plugin", "target", "created_at")
    search_fields = ("id", "function", "plugin__slug", "user__email")
    list_select_related = ("plugin", "user")
    inlines = (HostCallInline,)


@admin.register(HostCall)
class HostCallAdmin(HistoryAdmin, admin.ModelAdmin[HostCall]):
    list_display = ("at", "operation", "subject", "status", "duration_ms", "execution")
    list_filter = ("operation", "status", "at")
    search_fields = ("operation", "subject", "execution__id")
    list_select_related = ("execution__plugin",)
