"""What is installed: install, grant, enable. Each change is one transaction."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts import events
from accounts.models import User
from accounts.problems import NotFound, Problem
from plugins import store
from plugins.bundle import Bundle, read_folder
from plugins.models import Grant, Plugin, Release

logger = logging.getLogger("hostbridge.registry")


class ReleaseConflict(Problem):
    status = 409
    code = "release-exists"
    title = "This version is installed with other content"


class PluginDisabled(Problem):
    status = 409
    code = "plugin-disabled"
    title = "This plugin is disabled"
    default_detail = "An administrator can enable it."


def get_plugin(slug: str) -> Plugin:
    """The plugin with its active release and grants. Raises NotFound."""
    plugin = (
        Plugin.objects.filter(slug=slug, release__isnull=False)
        .select_related("release")
        .prefetch_related("grants")
        .first()
    )
    if plugin is None:
        raise NotFound(f"There is no plugin “{slug}”.")
    return plugin


def install(bundle: Bundle) -> Release:
    """Makes the bundle the plugin's active release. Nothing is granted by installing.

    Installing the same bundle again changes nothing. A release that asks for more than was granted simply
    lacks it. Raises ReleaseConflict if the version exists with other content.
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
        if plugin.release_id != release.pk:
            plugin.release = release
            plugin.save(update_fields=["release"])
    return release


def grant(plugin: Plugin, permissions: Iterable[str], *, by: User | None = None) -> None:
    """Grants what the active release asks for; a name that it does not ask for is left out."""
    asked = {permission.operation for permission in plugin.active.manifest.permissions}
    for permission in asked.intersection(permissions):
        Grant.objects.get_or_create(plugin=plugin, permission=permission, defaults={"granted_by": by})


def revoke(plugin: Plugin, permissions: Iterable[str]) -> None:
    """Takes grants back; the next call of the plugin is without them."""
    Grant.objects.filter(plugin=plugin, permission__in=list(permissions)).delete()


def set_enabled(plugin: Plugin, enabled: bool) -> None:
    with transaction.atomic():
        plugin.enabled = enabled
        plugin.save(update_fields=["enabled"])
        events.publish("plugin.changed", {"slug": plugin.slug, "enabled": enabled}, to_all=True)


def install_bundled() -> list[Release]:
    """Installs what comes with Hostbridge and grants all that is not optional, on the first installation.

    A release that is there already keeps its grants as the administrator left them.
    """
    installed = []
    for name in settings.BUNDLED_PLUGINS:
        bundle = read_folder(Path(settings.BUNDLED_PLUGINS_DIR) / name)
        known = Release.objects.filter(plugin__slug=name, version=bundle.manifest.version).exists()
        release = install(bundle)
        if not known:
            grant(release.plugin, [p.operation for p in bundle.manifest.permissions if not p.optional])
        installed.append(release)
    return installed
