"""Locks a plugin for a change, and publishes the change."""

from core import events
from core.problems import NotFound
from plugins.models import Plugin


def lock(plugin: Plugin) -> None:
    """Until the transaction ends nobody else changes it, and this object is as the row is now: what was read
    earlier may name a release that serves no more, or a secret that was replaced. Raises NotFound.
    """
    try:
        plugin.refresh_from_db(from_queryset=Plugin.objects.select_for_update())
    except Plugin.DoesNotExist as error:
        raise NotFound(f"There is no plugin “{plugin.slug}”.") from error


def publish_change(plugin: Plugin) -> None:
    version = plugin.release.version if plugin.release else None
    data = {"slug": plugin.slug, "enabled": plugin.enabled, "state": plugin.state, "version": version}
    events.publish("plugin.changed", data, to_all=True)
