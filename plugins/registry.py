"""What is installed: install, consent, grant, enable, set up, remove. Each change is one transaction."""

import json
import logging
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from jsonschema.exceptions import best_match

from accounts import events, services
from accounts.models import User
from accounts.prepared import PreparedQuery, columns, instance
from accounts.problems import InvalidInput, NotFound, Problem
from plugins import journal, store
from plugins.bundle import Bundle, read_folder
from plugins.json_schema import validator_of
from plugins.limits import limits_of
from plugins.manifest import NetworkKey, PluginManifest
from plugins.models import Execution, Grant, NetworkGrant, Plugin, PluginWatch, Release, kept_release
from plugins.runtime import trial
from plugins.runtime.jobs import Job, WorkerError
from plugins.upgrades import asks_for_more

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


class NotRemovable(Problem):
    status = 409
    code = "plugin-not-removable"
    title = "This plugin cannot be removed"


class TrialFailed(InvalidInput):
    code = "trial-failed"
    title = "This plugin cannot be started"


class PluginBusy(Problem):
    status = 409
    code = "plugin-busy"
    title = "This plugin is running"


class NameReserved(Problem):
    status = 409
    code = "plugin-name-reserved"
    title = "This name is that of a plugin that comes with Hostbridge"


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
    found = _PLUGIN_WITH_GRANTS.one_with_many(slug)
    if found is None:
        raise NotFound(f"There is no plugin “{slug}”.")
    row, permissions = found
    plugin: Plugin = instance(Plugin, row)
    plugin.granted = frozenset(permissions)
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
    a release that asks for no more (plugins.upgrades) serves at once. Installing the same bundle again
    changes nothing.
    Raises TrialFailed if the module cannot be compiled and started, ReleaseConflict if the version exists
    with other content; then nothing is kept.
    """
    if not _was_tried_out(bundle.manifest):
        _try_out(bundle)
    with store.changing(), transaction.atomic():
        return _add_release(bundle)


def _was_tried_out(manifest: PluginManifest) -> bool:
    """Whether these bytes started before, within the same limits: within others they may not."""
    same_bytes = Release.objects.filter(sha256=manifest.wasm.sha256)
    return any(release.manifest.limits == manifest.limits for release in same_bytes)


def _try_out(bundle: Bundle) -> None:
    """Raises TrialFailed if the module does not compile, or does not start within the plugin's limits."""
    manifest = bundle.manifest
    limits = limits_of(manifest, manifest.functions[0])
    job = Job(
        sha256=manifest.wasm.sha256,
        wasm=lambda: bundle.wasm,
        function="",
        timeout_ms=manifest.limits.timeout_ms,
        max_pages=limits.max_pages,
        max_output_bytes=0,
        max_host_calls=0,
        max_bridge_bytes=0,
        fuel=limits.fuel,
        imports=bundle.module.import_names,
    )
    try:
        trial.try_out(
            job,
            guest_memory_bytes=settings.PLUGIN_MAX_MEMORY_MB << 20,
            cache_dir=Path(settings.DATA_DIR) / "compile-cache",
        )
    except WorkerError as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrialFailed(f"{manifest.wasm.path} was tried out and failed: {reason}") from error


def install_uploaded(bundle: Bundle) -> Release:
    """As `install`, but raises NameReserved for the name of a plugin that comes with Hostbridge.

    A release that asks for no more serves at once: an upload could replace what people log in with.
    """
    name = bundle.manifest.name
    if name in settings.BUNDLED_PLUGINS:
        raise NameReserved(f"“{name}” comes with Hostbridge. Give the plugin another name in plugin.json.")
    return install(bundle)


def _add_release(bundle: Bundle) -> Release:
    """The bundle's release, as a row and, once nothing speaks against it, as a file."""
    manifest, data = bundle.manifest, json.loads(bundle.manifest_data)
    sha256 = manifest.wasm.sha256
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
    store.save_wasm(bundle.wasm)
    if created and plugin.release is not None and not asks_for_more(release, plugin.release):
        activate(release, plugin.granted & release.asks_for, plugin.network_granted & release.network_asked)
    elif created:
        _tell(plugin)
    return release


def why_kept(plugin: Plugin) -> str:
    """Why the plugin cannot be removed, whatever it does now; empty if it can."""
    if plugin.slug == settings.AUTH_PLUGIN:
        return f"People log in with “{plugin.slug}” (AUTH_PLUGIN). Choose another one first."
    if plugin.slug in settings.BUNDLED_PLUGINS:
        return f"“{plugin.slug}” comes with Hostbridge; the next start brings it back. Disable it."
    return ""


def remove(plugin: Plugin, *, by: User | None = None) -> dict[str, int]:
    """Removes the plugin with all that is its: releases, grants, settings, store, executions with their audit
    log, service tokens, and .wasm files that no other release uses. This cannot be undone.

    Returns how many releases, executions and stored values that were. Raises NotRemovable for the plugin that
    people log in with and for those that come with Hostbridge, PluginBusy while it runs on the server, and
    NotFound if somebody was faster.
    """
    if reason := why_kept(plugin):
        raise NotRemovable(reason)
    journal.flush()
    with store.changing():
        with transaction.atomic():
            removed = _remove_rows(plugin)
        store.keep_only(set(Release.objects.values_list("sha256", flat=True)))
    logger.info("%s removed the plugin %s: %s", by.pk if by else "An operator", plugin.slug, removed)
    return removed


def _remove_rows(plugin: Plugin) -> dict[str, int]:
    """Raises PluginBusy or NotFound."""
    if Plugin.objects.select_for_update().filter(pk=plugin.pk).first() is None:
        raise NotFound(f"There is no plugin “{plugin.slug}”.")
    if running := _running(plugin):
        raise PluginBusy(f"Calls still run: {running}. Disable it, and remove it when they have ended.")
    removed = {
        "releases": plugin.releases.count(),
        "executions": plugin.executions.count(),
        "stored_values": plugin.kv_entries.count(),
    }
    # The release that serves is protected against being deleted by itself.
    Plugin.objects.filter(pk=plugin.pk).update(release=None)
    plugin.delete()
    # Otherwise they would speak for the next plugin of this name.
    services.delete_plugin_tokens(plugin.slug)
    events.publish("plugin.removed", {"slug": plugin.slug}, to_all=True)
    return removed


def _running(plugin: Plugin) -> int:
    """Calls on the server that can still be going on; others were left behind when a server was killed."""
    longest = timedelta(milliseconds=settings.PLUGIN_QUEUE_TIMEOUT_MS + settings.PLUGIN_MAX_TIMEOUT_MS)
    unfinished = (Execution.State.QUEUED, Execution.State.RUNNING)
    recent = plugin.executions.filter(created_at__gte=timezone.now() - longest)
    return recent.filter(target="server", state__in=unfinished).count()


def activate(
    release: Release, grants: Iterable[str], network: Iterable[NetworkKey] = (), *, by: User | None = None
) -> None:
    """Consent: from the next call on this release serves, and holds exactly these grants.

    Also the way back to an earlier release. Raises InvalidInput for a grant that it does not ask for.
    """
    with transaction.atomic():
        plugin = Plugin.objects.select_for_update().get(pk=release.plugin_id)
        plugin.release = release
        plugin.save(update_fields=["release"])
        release.activated_at = timezone.now()
        release.save(update_fields=["activated_at"])
        set_grants(plugin, grants, network, by=by)


def set_grants(
    plugin: Plugin,
    permissions: Iterable[str] | None = None,
    network: Iterable[NetworkKey] | None = None,
    *,
    by: User | None = None,
) -> None:
    """From the next call on it holds exactly these permissions and network rules. None: as before.

    Raises InvalidInput for what it does not ask for.
    """
    with transaction.atomic():
        _lock(plugin)
        if permissions is not None:
            _set_permissions(plugin, set(permissions), by)
        if network is not None:
            _set_network(plugin, set(network), by)
        _tell(plugin)


def _lock(plugin: Plugin) -> None:
    """Until the transaction ends nobody else changes it, and this object is as the row is now: what was read
    earlier may name a release that serves no more, or a secret that was replaced. Raises NotFound.
    """
    try:
        plugin.refresh_from_db(from_queryset=Plugin.objects.select_for_update())
    except Plugin.DoesNotExist as error:
        raise NotFound(f"There is no plugin “{plugin.slug}”.") from error


def _set_permissions(plugin: Plugin, wanted: set[str], by: User | None) -> None:
    if unasked := sorted(wanted - plugin.active.asks_for):
        raise InvalidInput.at("/grants", f"{plugin.slug} does not ask for {', '.join(unasked)}.")
    plugin.grants.exclude(permission__in=wanted).delete()
    held = set(plugin.grants.values_list("permission", flat=True))
    Grant.objects.bulk_create(
        Grant(plugin=plugin, permission=permission, granted_by=by) for permission in sorted(wanted - held)
    )


def _set_network(plugin: Plugin, wanted: set[NetworkKey], by: User | None) -> None:
    if unasked := sorted(wanted - plugin.active.network_asked):
        url, methods = unasked[0]
        raise InvalidInput.at(
            "/network_grants", f"{plugin.slug} does not ask for {', '.join(methods)} {url}."
        )
    rows = {row.key: row for row in plugin.network_grants.all()}
    plugin.network_grants.filter(pk__in=[row.pk for key, row in rows.items() if key not in wanted]).delete()
    NetworkGrant.objects.bulk_create(
        NetworkGrant(plugin=plugin, url=url, methods=" ".join(methods), granted_by=by)
        for url, methods in sorted(wanted - rows.keys())
    )


def grant(plugin: Plugin, permissions: Iterable[str], *, by: User | None = None) -> None:
    """Grants these as well. Raises InvalidInput for what it does not ask for."""
    set_grants(plugin, {*plugin.grants.values_list("permission", flat=True), *permissions}, by=by)


def revoke(plugin: Plugin, permissions: Iterable[str]) -> None:
    """Takes grants back; the next call of the plugin is without them."""
    held = set(plugin.grants.values_list("permission", flat=True))
    set_grants(plugin, held - set(permissions))


def set_enabled(plugin: Plugin, enabled: bool) -> None:
    with transaction.atomic():
        _lock(plugin)
        plugin.enabled = enabled
        plugin.save(update_fields=["enabled"])
        _tell(plugin)


def set_settings(plugin: Plugin, values: dict[str, Any]) -> None:
    """Replaces the plugin's settings; secret ones that are left out stay. Raises InvalidSettings."""
    with transaction.atomic():
        _lock(plugin)
        manifest = plugin.active.manifest
        kept = {name: plugin.settings[name] for name in manifest.secret_settings if name in plugin.settings}
        plugin.settings = _valid_settings(manifest.settings_schema, kept | values)
        plugin.save(update_fields=["settings"])


def _valid_settings(schema: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(values) - set(schema.get("properties", {}))):
        raise InvalidSettings.at(f"/settings/{unknown[0]}", "The plugin knows no such setting.")
    if error := best_match(validator_of(schema).iter_errors(values)):
        pointer = "".join(f"/{step}" for step in error.absolute_path)
        raise InvalidSettings.at(f"/settings{pointer}", error.message[:300])
    return values


def config_of(plugin: Plugin, manifest: PluginManifest, *, public_only: bool = False) -> dict[str, str]:
    """The settings as the guest reads them: text as it is, all else as JSON, defaults included.

    `public_only` leaves out those marked `"secret": true`: they never leave the server.
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
    """What administrators see: secret settings only as null where they are set."""
    hidden = plugin.active.manifest.secret_settings
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


def _tell(plugin: Plugin) -> None:
    version = plugin.release.version if plugin.release else None
    data = {"slug": plugin.slug, "enabled": plugin.enabled, "state": plugin.state, "version": version}
    events.publish("plugin.changed", data, to_all=True)
