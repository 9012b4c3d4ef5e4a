"""Plugins, their executions and the audit log in the Django admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from core.problems import Problem
from plugins.history.journal import get_journal
from plugins.models import Execution, Grant, HostCall, NetworkGrant, Plugin, Release
from plugins.registry import auth_provider, configuration
from plugins.registry.readiness import rule_name
from plugins.runtime.current_engine import get_pool
from plugins.runtime.sandbox_status import missing


class ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GrantFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """Refuses to delete grants without which nobody could log in."""

    def clean(self) -> None:
        super().clean()
        lost = [str(self.name_of(form.instance)) for form in self.forms if form in self.deleted_forms]
        try:
            auth_provider.check_revoking(self.instance, lost)
        except Problem as problem:
            raise ValidationError(problem.detail) from problem

    @staticmethod
    def name_of(grant: Any) -> str:
        return str(grant.permission)


class NetworkGrantFormSet(GrantFormSet):
    @staticmethod
    def name_of(grant: Any) -> str:
        return rule_name(grant.key)


class GrantInline(admin.TabularInline[Grant, Plugin]):
    model = Grant
    formset = GrantFormSet
    extra = 0
    fields = ("permission", "granted_by", "granted_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NetworkGrantInline(admin.TabularInline[NetworkGrant, Plugin]):
    model = NetworkGrant
    formset = NetworkGrantFormSet
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


class PluginForm(forms.ModelForm[Plugin]):
    def clean_enabled(self) -> bool:
        enabled = bool(self.cleaned_data["enabled"])
        if not enabled:
            try:
                auth_provider.check_disabling(self.instance)
            except Problem as problem:
                raise ValidationError(problem.detail) from problem
        return enabled


@admin.register(Plugin)
class PluginAdmin(admin.ModelAdmin[Plugin]):
    form = PluginForm
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
            try:
                configuration.set_enabled(plugin, False)
            except Problem as problem:
                self.message_user(request, problem.detail, messages.ERROR)


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
