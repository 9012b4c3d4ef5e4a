"""Enables and disables plugins, changes their settings, and records who watches them."""

import json
from functools import reduce
from typing import Any

from django.db import transaction
from jsonschema.exceptions import ValidationError, best_match

from accounts.models import User
from core.problems import InvalidInput, pointer_to
from plugins.bundles.json_schema import describe, validator_of
from plugins.bundles.manifest import PluginManifest
from plugins.models import Plugin, PluginWatch
from plugins.registry import auth_provider
from plugins.registry.changes import lock, publish_change
from plugins.registry.readiness import missing_settings

# Stands for the value of a secret setting that is set. No setting can have it, because none is an object.
SECRET_SET = {"is_set": True}


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
    """Replaces the plugin's settings. Secret ones that are left out stay. Raises InvalidSettings.

    None clears a setting, and so does an empty text for a secret. Takes what `public_settings` returns.
    """
    with transaction.atomic():
        lock(plugin)
        manifest = plugin.active.manifest
        plugin.settings = _valid_settings(manifest, _merged(manifest, plugin.settings, values))
        plugin.save(update_fields=["settings"])


def _merged(manifest: PluginManifest, current: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    secrets = manifest.secret_settings
    stay = {
        name: current[name] for name in secrets & current.keys() if values.get(name, SECRET_SET) == SECRET_SET
    }
    given = {
        name: value
        for name, value in values.items()
        if value is not None and not (name in secrets and value in ("", SECRET_SET))
    }
    if unknown := sorted(set(values) - set(manifest.settings_schema.get("properties", {}))):
        raise InvalidSettings.at(pointer_to("/settings", unknown[0]), "The plugin has no such setting.")
    return stay | given


def _valid_settings(manifest: PluginManifest, values: dict[str, Any]) -> dict[str, Any]:
    if missing := missing_settings(manifest, values):
        raise InvalidSettings(
            f"Required and not set: {', '.join(missing)}.",
            errors=[
                {"pointer": pointer_to("/settings", name), "detail": "This setting is required."}
                for name in missing
            ],
        )
    if error := _first_error(manifest, values):
        pointer = reduce(pointer_to, error.absolute_path, "/settings")
        raise InvalidSettings.at(pointer, describe(error)[:300])
    return values


def fits(manifest: PluginManifest, values: dict[str, Any]) -> bool:
    """Whether stored settings satisfy another release's manifest. It ignores those that it does not know."""
    known = manifest.settings_schema.get("properties", {})
    values = {name: value for name, value in values.items() if name in known}
    return not missing_settings(manifest, values) and _first_error(manifest, values) is None


def _first_error(manifest: PluginManifest, values: dict[str, Any]) -> ValidationError | None:
    """What is wrong with a value. It does not look for missing settings."""
    schema = {key: value for key, value in manifest.settings_schema.items() if key != "required"}
    error: ValidationError | None = best_match(validator_of(schema).iter_errors(values))
    return error


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
    """The settings that administrators see. A secret one that is set appears as SECRET_SET."""
    manifest = plugin.active.manifest
    known, secrets = manifest.settings_schema.get("properties", {}), manifest.secret_settings
    return {
        name: SECRET_SET if name in secrets else value
        for name, value in plugin.settings.items()
        if name in known
    }


def set_watching(plugin: Plugin, user: User, watching: bool) -> None:
    """Starts or stops showing the user the plugin's notifications."""
    if watching:
        PluginWatch.objects.get_or_create(plugin=plugin, user=user)
    else:
        PluginWatch.objects.filter(plugin=plugin, user=user).delete()
