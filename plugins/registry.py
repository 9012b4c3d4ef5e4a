"""What is installed: install, consent, grant, enable, set up. Each change is one transaction."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from accounts import events
from accounts.models import User
from accounts.prepared import PreparedQuery, columns, instance
from accounts.problems import InvalidInput, NotFound, Problem
from plugins import store
from plugins.bundle import Bundle, read_folder
from plugins.manifest import PluginManifest
from plugins.models import Grant, Plugin, PluginWatch, Release, kept_release

logger = logging.getLogger("hostbridge.registry")

_PLUGIN_WITH_GRANTS = PreparedQuery(
    lambda slug: (
        Plugin.objects.order_by().filter(slug=slug).values_list(*columns(Plugin), "grants__permission")
    )
)


class ReleaseConflict(Problem):
    status = 409
    code = "release-exists"
    title = "This version is installed with other content"


class PluginDisabled(Problem):
    status = 409
    code = "plugin-disabled"
    title = "This plugin is disabled"
    default_detail = "An administrator can enable it."


class PluginWaiting(Problem):
    status = 409
    code = "plugin-waiting"
    title = "This plugin waits for consent"
    default_detail = "An administrator has to look at what it asks for, and activate it."


class InvalidSettings(InvalidInput):
    code = "invalid-settings"
    title = "These settings do not fit the plugin"


def get_plugin(slug: str) -> Plugin:
    """The plugin as it is now: state, settings, active release, grants. Raises NotFound.

    On the path of every call, so it is one query for all that can change; releases cannot, and are kept.
    """
    rows = _PLUGIN_WITH_GRANTS.rows(slug)
    if not rows:
        raise NotFound(f"There is no plugin “{slug}”.")
    plugin: Plugin = instance(Plugin, rows[0][:-1])
    plugin.granted = frozenset(row[-1] for row in rows if row[-1] is not None)
    if plugin.release_id is not None:
        plugin.release = kept_release(plugin.release_id)
    return plugin


def get_release(slug: str, version: str) -> Release:
    """The plugin's release of that version. Raises NotFound."""
    # Compared here: the version comes from an address, and not every database takes every text.
    for release in get_plugin(slug).releases.select_related("plugin"):
        if release.version == version:
            return release
    raise NotFound(f"There is no release {version} of “{slug}”.")


def install(bundle: Bundle) -> Release:
    """Keeps the bundle as a release. Installing grants nothing.

    A new plugin, or a release that asks for more than the one that serves, waits for consent (`activate`);
    a release that asks for no more serves at once. Installing the same bundle again changes nothing.
    Raises ReleaseConflict if the version exists with other content.
    """
    manifest = bundle.manifest
    data = json.loads(bundle.manifest_data)
    sha256 = store.save_wasm(bundle.wasm)
    with transaction.atomic():
        plugin, _ = Plugin.objects.get_or_create(slug=manifest.name)
        release, created = Release.objects.get_or_create(
            plugin=plugin,
            version=manifest.version,
            defaults={"manifest_data": data, "sha256": sha256, "size_bytes": len(bundle.wasm)},
        )
        if not created and (release.sha256 != sha256 or release.manifest_data != data):
            raise ReleaseConflict(
                f"{manifest.name} {manifest.version} is installed already, from other files. "
                "Give the changed plugin a new version in plugin.json."
            )
        if created and plugin.release is not None and not asks_for_more(release, plugin.release):
            activate(release, plugin.granted & release.asks_for)
        elif created:
            _tell(plugin)
    return release


def asks_for_more(new: Release, old: Release) -> bool:
    """Whether `new` could do anything, once granted, that `old` did not ask for."""
    network = {(rule.url, rule.methods) for rule in old.manifest.network}
    return not (
        new.asks_for <= old.asks_for
        and {(rule.url, rule.methods) for rule in new.manifest.network} <= network
    )


def activate(release: Release, grants: Iterable[str], *, by: User | None = None) -> None:
    """Consent: from the next call on this release serves, and holds exactly these grants.

    Also the way back to an earlier release. Raises InvalidInput for a grant that it does not ask for.
    """
    with transaction.atomic():
        plugin = Plugin.objects.select_for_update().get(pk=release.plugin_id)
        plugin.release = release
        plugin.save(update_fields=["release"])
        release.activated_at = timezone.now()
        release.save(update_fields=["activated_at"])
        set_grants(plugin, grants, by=by)


def set_grants(plugin: Plugin, permissions: Iterable[str], *, by: User | None = None) -> None:
    """From the next call on it holds exactly these. Raises InvalidInput for what it does not ask for."""
    wanted = set(permissions)
    if unasked := sorted(wanted - plugin.active.asks_for):
        raise InvalidInput.at("/grants", f"{plugin.slug} does not ask for {', '.join(unasked)}.")
    with transaction.atomic():
        Plugin.objects.select_for_update().get(pk=plugin.pk)
        plugin.grants.exclude(permission__in=wanted).delete()
        held = set(plugin.grants.values_list("permission", flat=True))
        Grant.objects.bulk_create(
            Grant(plugin=plugin, permission=permission, granted_by=by) for permission in sorted(wanted - held)
        )
        _tell(plugin)


def grant(plugin: Plugin, permissions: Iterable[str], *, by: User | None = None) -> None:
    """Grants these as well. Raises InvalidInput for what it does not ask for."""
    set_grants(plugin, {*plugin.grants.values_list("permission", flat=True), *permissions}, by=by)


def revoke(plugin: Plugin, permissions: Iterable[str]) -> None:
    """Takes grants back; the next call of the plugin is without them."""
    held = set(plugin.grants.values_list("permission", flat=True))
    set_grants(plugin, held - set(permissions))


def set_enabled(plugin: Plugin, enabled: bool) -> None:
    with transaction.atomic():
        plugin.enabled = enabled
        plugin.save(update_fields=["enabled"])
        _tell(plugin)


def set_settings(plugin: Plugin, values: dict[str, Any]) -> None:
    """Replaces the plugin's settings; secret ones that are left out stay. Raises InvalidSettings."""
    schema = plugin.active.manifest.settings_schema
    known = schema.get("properties", {})
    kept = {name: plugin.settings[name] for name in _secrets(known) if name in plugin.settings}
    values = kept | values
    if unknown := sorted(set(values) - set(known)):
        raise InvalidSettings.at(f"/settings/{unknown[0]}", "The plugin knows no such setting.")
    if error := best_match(Draft202012Validator(schema).iter_errors(values)):
        pointer = "".join(f"/{step}" for step in error.absolute_path)
        raise InvalidSettings.at(f"/settings{pointer}", error.message[:300])
    plugin.settings = values
    plugin.save(update_fields=["settings"])


def config_of(plugin: Plugin, manifest: PluginManifest, *, public_only: bool = False) -> dict[str, str]:
    """The settings as the guest reads them: text as it is, all else as JSON, defaults included.

    `public_only` leaves out those marked `"secret": true`: they never leave the server.
    """
    known = manifest.settings_schema.get("properties", {})
    values = {name: schema["default"] for name, schema in known.items() if "default" in schema}
    values |= {name: value for name, value in plugin.settings.items() if name in known}
    hidden = _secrets(known) if public_only else set()
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if name not in hidden
    }


def public_settings(plugin: Plugin) -> dict[str, Any]:
    """What administrators see: secret settings only as null where they are set."""
    hidden = _secrets(plugin.active.manifest.settings_schema.get("properties", {}))
    return {name: None if name in hidden else value for name, value in plugin.settings.items()}


def set_watching(plugin: Plugin, user: User, watching: bool) -> None:
    """Whether the user sees the plugin's notifications."""
    if watching:
        PluginWatch.objects.get_or_create(plugin=plugin, user=user)
    else:
        PluginWatch.objects.filter(plugin=plugin, user=user).delete()


def install_bundled() -> list[Release]:
    """Installs what comes with Hostbridge. The first time it is consented to, but for what is optional.

    Later an administrator decides, as for any plugin: grants stay as they are, and a release that asks for
    more waits.
    """
    installed = []
    for name in settings.BUNDLED_PLUGINS:
        release = install(read_folder(Path(settings.BUNDLED_PLUGINS_DIR) / name))
        if release.plugin.release_id is None:
            activate(release, [p.operation for p in release.manifest.permissions if not p.optional])
        installed.append(Release.objects.select_related("plugin").get(pk=release.pk))
    return installed


def _secrets(properties: dict[str, Any]) -> set[str]:
    return {name for name, schema in properties.items() if isinstance(schema, dict) and schema.get("secret")}


def _tell(plugin: Plugin) -> None:
    version = plugin.release.version if plugin.release else None
    data = {"slug": plugin.slug, "enabled": plugin.enabled, "state": plugin.state, "version": version}
    events.publish("plugin.changed", data, to_all=True)
