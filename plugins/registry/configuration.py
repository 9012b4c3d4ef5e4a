"""Enables and disables plugins, changes their settings, and records who watches them."""

import json
from typing import Any

from django.db import transaction
from jsonschema.exceptions import best_match

from accounts.models import User
from core.problems import InvalidInput
from plugins.bundles.json_schema import describe, validator_of
from plugins.bundles.manifest import PluginManifest
from plugins.models import Plugin, PluginWatch
from plugins.registry import auth_provider
from plugins.registry.changes import lock, publish_change


class InvalidSettings(InvalidInput):
    code = "invalid-settings"
    title = "The settings are not valid"


def set_enabled(plugin: Plugin, enabled: bool) -> None:
    """Raises AuthProviderNeeded for disabling the plugin that people log in with."""
    if not enabled:
        auth_provider.check_disabling(plugin)
    with transaction.atomic():
        lock(plugin)
        plugin.enabled = enabled
        plugin.save(update_fields=["enabled"])
        publish_change(plugin)


def set_settings(plugin: Plugin, values: dict[str, Any]) -> None:
    """Replaces the plugin's settings. Secret ones that are left out stay. Raises InvalidSettings."""
    with transaction.atomic():
        lock(plugin)
        manifest = plugin.active.manifest
        secrets = {
            name: plugin.settings[name] for name in manifest.secret_settings if name in plugin.settings
        }
        plugin.settings = _valid_settings(manifest.settings_schema, secrets | values)
        plugin.save(update_fields=["settings"])


def _valid_settings(schema: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(values) - set(schema.get("properties", {}))):
        raise InvalidSettings.at(f"/settings/{unknown[0]}", "The plugin has no such setting.")
    if error := best_match(validator_of(schema).iter_errors(values)):
        pointer = "".join(f"/{step}" for step in error.absolute_path)
        raise InvalidSettings.at(f"/settings{pointer}", describe(error)[:300])
    return values


def config_of(plugin: Plugin, manifest: PluginManifest, *, public_only: bool = False) -> dict[str, str]:
    """The settings as the guest reads them, with defaults: text unchanged, everything else as JSON.

    `public_only` leaves out those marked `"secret": true`, which never leave the server.
    """
    known = manifest.settings_schema.get("properties", {})
    values = {name: schema["default"] for name, schema in known.items() if "default" in schema}
    values |= {name: value for name, value in plugin.settings.items() if name in known}
    hidden = manifest.secret_settings if public_only else frozenset()
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if name not in hidden
    }


def public_settings(plugin: Plugin) -> dict[str, Any]:
    """The settings that administrators see. A secret one that is set appears as null."""
    hidden = plugin.active.manifest.secret_settings
    return {name: None if name in hidden else value for name, value in plugin.settings.items()}


def set_watching(plugin: Plugin, user: User, watching: bool) -> None:
    """Starts or stops showing the user the plugin's notifications."""
    if watching:
        PluginWatch.objects.get_or_create(plugin=plugin, user=user)
    else:
        PluginWatch.objects.filter(plugin=plugin, user=user).delete()
