"""What every change of a plugin needs: a lock before it, and an event after it."""

from core import events
from core.problems import NotFound
from plugins.models import Plugin


def lock(plugin: Plugin) -> None:
    """Locks the plugin's row until the transaction ends, and refreshes this object from it.

    What was read before the lock may be stale: another release may be active, or a secret replaced. Raises
    NotFound.
    """
    try:
        plugin.refresh_from_db(from_queryset=Plugin.objects.select_for_update())
    except Plugin.DoesNotExist as error:
        raise NotFound(f"There is no plugin “{plugin.slug}”.") from error


def publish_change(plugin: Plugin) -> None:
    version = plugin.release.version if plugin.release else None
    data = {"slug": plugin.slug, "enabled": plugin.enabled, "state": plugin.state, "version": version}
    events.publish("plugin.changed", data, to_all=True)
