"""Host API operations on a plugin's own data: notifications and its key-value store."""

from typing import Any

from django.db import transaction

from accounts import rate_limits, users
from core import events
from core.operations import Caller, Risk, operation
from core.problems import Forbidden
from plugins.host import kv, shapes
from plugins.models import Plugin

NOTIFICATIONS = 30  # of a plugin to a person, and to its watchers, within rate_limits.WINDOW_SECONDS


@operation(
    "POST", "notifications", title="Show notifications", risk=Risk.LOW,
    meaning="Shows a short message, marked as coming from this plugin, to one person or its watchers.",
    request=shapes.Notify, response=shapes.Notified, status=202,
    own=lambda user, data: data.get("user_id") == user.pk,
)  # fmt: skip
def notify(caller: Caller, data: dict[str, Any]) -> Any:
    plugin = plugin_of(caller)
    user_id = data.pop("user_id", None)
    people = [users.get_user(user_id).pk] if user_id else [w.user_id for w in plugin.watchers.all()]
    whom = "a person" if user_id else "its watchers"
    with transaction.atomic():  # what is not told does not count
        rate_limits.count(
            "notify", plugin.slug, str(user_id or "watchers"), limit=NOTIFICATIONS,
            refusal=f"A plugin may show {whom} {NOTIFICATIONS} notifications within ten minutes.",
        )  # fmt: skip
        events.publish("notification", data | {"plugin": plugin.slug}, to_users=people, to_staff=False)
    return {"delivered_to": "user" if user_id else "watchers"}


@operation(
    "GET", "kv/<kvkey:key>", title="Read its store", risk=Risk.LOW,
    meaning="Reads what the plugin itself kept under a key.", response=shapes.Entry,
)  # fmt: skip
def kv_get(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.get(plugin_of(caller), data["key"])


@operation(
    "PUT", "kv/<kvkey:key>", title="Write its store", risk=Risk.LOW,
    meaning="Keeps values of its own under keys of its own, up to a quota.",
    request=shapes.SetEntry, response=shapes.StoredEntry,
)  # fmt: skip
def kv_set(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.put(plugin_of(caller), **data)


@operation(
    "DELETE", "kv/<kvkey:key>", title="Delete from its store", risk=Risk.LOW,
    meaning="Removes what the plugin itself kept under a key.", query=shapes.IfVersion, status=204,
)  # fmt: skip
def kv_delete(caller: Caller, data: dict[str, Any]) -> Any:
    kv.delete(plugin_of(caller), **data)


@operation(
    "GET", "kv", title="List its store", risk=Risk.LOW,
    meaning="Lists the keys under which the plugin itself kept something.",
    query=shapes.ListEntries, response=shapes.EntryPage,
)  # fmt: skip
def kv_list(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.page(plugin_of(caller), **data)


def plugin_of(caller: Caller) -> Plugin:
    """The plugin that speaks. Raises Forbidden for an API token that is bound to none."""
    plugin = Plugin.objects.filter(slug=caller.plugin).first() if caller.plugin else None
    if plugin is None:
        raise Forbidden("This operation needs a plugin: use a token that was made for one.")
    return plugin
