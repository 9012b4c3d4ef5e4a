"""Installs and removes plugins, each in one transaction."""

import json
import logging
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import api_tokens
from accounts.models import User
from core import events
from core.problems import InvalidInput, NotFound, Problem
from plugins.bundles.bundle import Bundle, read_folder
from plugins.bundles.manifest import PluginManifest
from plugins.bundles.versions import is_prerelease, precedence
from plugins.history.call_limits import limits_of
from plugins.history.journal import get_journal
from plugins.models import Execution, Plugin, Release
from plugins.registry import auth_provider, configuration, wasm_store
from plugins.registry.changes import publish_change
from plugins.registry.consent import activate, default_grants
from plugins.registry.upgrades import asks_for_more
from plugins.runtime import trial
from plugins.runtime.current_engine import get_engine
from plugins.runtime.job import Job, WorkerError

logger = logging.getLogger("hostbridge.registry")


class ReleaseConflict(Problem):
    status = 409
    code = "release-exists"
    title = "This version is already installed with other content"


class NotRemovable(Problem):
    status = 409
    code = "plugin-not-removable"
    title = "This plugin cannot be removed"


class TrialFailed(InvalidInput):
    code = "trial-failed"
    title = "The plugin cannot be started"


class PluginBusy(Problem):
    status = 409
    code = "plugin-busy"
    title = "This plugin is running"


class NameReserved(Problem):
    status = 409
    code = "plugin-name-reserved"
    title = "This name is reserved for a bundled plugin"


def install(bundle: Bundle) -> Release:
    """Installs the bundle as a release. Installing grants nothing.

    A new plugin waits for consent (`consent.activate`), and so does a release that asks for more than the
    active one (see `upgrades`). A later version that asks for no more becomes active at once. An earlier one
    and a pre-release wait to be activated. Installing the same bundle again changes nothing.

    Raises TrialFailed if the module does not compile or start, and ReleaseConflict if this version exists
    with other content. Nothing is stored then.
    """
    if not _passed_trial(bundle.manifest):
        _try_out(bundle)
    with wasm_store.changing(), transaction.atomic():
        return _add_release(bundle)


def _passed_trial(manifest: PluginManifest) -> bool:
    """Whether these bytes have started before within the same limits. Within others they might not."""
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
        _run_trial(job)
    except WorkerError as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrialFailed(f"{manifest.wasm.path} failed its trial start: {reason}") from error


def _run_trial(job: Job) -> None:
    """Raises WorkerErrors."""
    trial_of_job = partial(
        trial.try_out,
        job,
        guest_memory_bytes=settings.PLUGIN_MAX_MEMORY_MB << 20,
        cache_dir=Path(settings.DATA_DIR) / "compile-cache",
    )
    get_engine().run(lambda _: trial_of_job())


def install_uploaded(bundle: Bundle) -> Release:
    """Like `install`, but raises NameReserved for the name of a bundled plugin.

    A release that asks for no more becomes active at once, so an upload could otherwise replace the plugin
    that people log in with.
    """
    name = bundle.manifest.name
    if name in settings.BUNDLED_PLUGINS:
        raise NameReserved(
            f"“{name}” is bundled with Hostbridge. Give your plugin another name in plugin.json."
        )
    return install(bundle)


def _add_release(bundle: Bundle) -> Release:
    """Stores the bundle as a release: first the row, which may conflict, then the file."""
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
            f"{manifest.name} {manifest.version} was installed from other files. "
            "Give the changed plugin a new version in plugin.json."
        )
    wasm_store.save_wasm(bundle.wasm)
    if created and _takes_over(release, plugin):
        activate(release)
    elif created:
        publish_change(plugin)
    return release


def _takes_over(release: Release, plugin: Plugin) -> bool:
    """Whether the new release becomes active without an administrator's consent.

    Only a later version does that, no pre-release, and none for which the plugin's settings are not valid.
    """
    if plugin.release is None or asks_for_more(release, plugin.release):
        return False
    if is_prerelease(release.version) or precedence(release.version) <= precedence(plugin.release.version):
        return False
    if not configuration.fits(release.manifest, plugin.settings):
        return False
    return plugin.slug != settings.AUTH_PLUGIN or auth_provider.can_provide(release)


def why_not_removable(plugin: Plugin) -> str:
    """Why the plugin can never be removed, or an empty text if it can."""
    if plugin.slug == settings.AUTH_PLUGIN:
        return f"People log in with “{plugin.slug}” (AUTH_PLUGIN). Set another plugin there first."
    if plugin.slug in settings.BUNDLED_PLUGINS:
        return (
            f"“{plugin.slug}” is bundled with Hostbridge, so the next start would reinstall it. Disable it."
        )
    return ""


def remove(plugin: Plugin, *, by: User | None = None) -> dict[str, int]:
    """Removes the plugin and everything that belongs to it. This cannot be undone.

    That is its releases, grants, settings, store, executions with their audit log, the API tokens bound to
    it, and .wasm files that no other release uses. Returns how many releases, executions and stored values.

    Raises NotRemovable for bundled plugins and for the one that people log in with, PluginBusy while it runs
    on the server, and NotFound if it has just been removed.
    """
    if reason := why_not_removable(plugin):
        raise NotRemovable(reason)
    get_journal().flush()
    with wasm_store.changing():
        with transaction.atomic():
            removed = _remove_rows(plugin)
        wasm_store.keep_only(set(Release.objects.values_list("sha256", flat=True)))
    logger.info("%s removed the plugin %s: %s", by.pk if by else "An operator", plugin.slug, removed)
    return removed


def _remove_rows(plugin: Plugin) -> dict[str, int]:
    """Raises PluginBusy or NotFound."""
    if Plugin.objects.select_for_update().filter(pk=plugin.pk).first() is None:
        raise NotFound(f"There is no plugin “{plugin.slug}”.")
    if running := _running(plugin):
        raise PluginBusy(
            f"Calls still running: {running}. Disable the plugin, and remove it when they have ended."
        )
    removed = {
        "releases": plugin.releases.count(),
        "executions": plugin.executions.count(),
        "stored_values": plugin.kv_entries.count(),
    }
    # The active release is protected against deletion.
    Plugin.objects.filter(pk=plugin.pk).update(release=None)
    plugin.delete()
    # Otherwise they would be valid for the next plugin of this name.
    api_tokens.delete_plugin_tokens(plugin.slug)
    events.publish("plugin.removed", {"slug": plugin.slug}, to_all=True)
    return removed


def _running(plugin: Plugin) -> int:
    """The number of its calls on the server that can still be running.

    Older unfinished ones were left behind by a server that was killed.
    """
    longest = timedelta(milliseconds=settings.PLUGIN_QUEUE_TIMEOUT_MS + settings.PLUGIN_MAX_TIMEOUT_MS)
    unfinished = (Execution.State.QUEUED, Execution.State.RUNNING)
    recent = plugin.executions.filter(created_at__gte=timezone.now() - longest)
    return recent.filter(target="server", state__in=unfinished).count()


def install_bundled() -> list[Release]:
    """Installs the bundled plugins, and activates new ones with every permission that is not optional.

    After that an administrator decides, as for any plugin: grants stay as they are, and a release that asks
    for more waits for consent.
    """
    installed = []
    for name in settings.BUNDLED_PLUGINS:
        release = install(read_folder(Path(settings.BUNDLED_PLUGINS_DIR) / name))
        if release.plugin.release_id is None:
            activate(release, *default_grants(release.plugin, release, preapproved=True))
        installed.append(Release.objects.select_related("plugin").get(pk=release.pk))
    return installed
