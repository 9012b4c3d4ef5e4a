"""Looks up installed plugins and their releases."""

from core.prepared_query import PreparedQuery, columns, instance
from core.problems import NotFound, Problem
from plugins.models import Plugin, Release, cached_release

_PLUGIN_WITH_GRANTS = PreparedQuery(
    lambda slug: (
        Plugin.objects.order_by().filter(slug=slug).values_list(*columns(Plugin), "grants__permission")
    )
)


class PluginDisabled(Problem):
    status = 409
    code = "plugin-disabled"
    title = "This plugin is disabled"
    default_detail = "An administrator can enable it."


class PluginWaiting(Problem):
    status = 409
    code = "plugin-waiting"
    title = "This plugin is waiting for consent"
    default_detail = "An administrator must review what it asks for and activate it."


class PluginNotConfigured(Problem):
    status = 409
    code = "plugin-not-configured"
    title = "This plugin lacks settings"
    default_detail = "An administrator must set what it requires."


def get_plugin(slug: str) -> Plugin:
    """The plugin as it is now: state, settings, active release, grants. Raises NotFound.

    Calls depend on this, so one query reads everything that can change. Releases never change and are cached.
    """
    found = _PLUGIN_WITH_GRANTS.one_with_many(slug)
    if found is None:
        raise NotFound(f"There is no plugin “{slug}”.")
    row, permissions = found
    plugin: Plugin = instance(Plugin, row)
    plugin.held = frozenset(permissions)
    if plugin.release_id is not None:
        plugin.release = cached_release(plugin.release_id)
    return plugin


def get_release(slug: str, version: str) -> Release:
    """The plugin's release of this version. Raises NotFound."""
    # Compared here: the version comes from a URL and may hold characters that a database refuses.
    for release in get_plugin(slug).releases.select_related("plugin"):
        if release.version == version:
            return release
    raise NotFound(f"The plugin “{slug}” has no release {version}.")
