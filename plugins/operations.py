"""Host API operations on a plugin's own data: notifications and its key-value store."""

from typing import Any

from django.db import transaction

from accounts import rate_limits, users
from core import events
from core.operations import Caller, Risk, operation
from core.problems import Forbidden
from plugins.host import kv, shapes
from plugins.models import Plugin

# From one plugin to a person, or to its watchers, within rate_limits.WINDOW_SECONDS.
NOTIFICATIONS = 30


@operation(
    "POST", "notifications", title="Show notifications", risk=Risk.LOW,
    meaning="Shows one person or the plugin's watchers a short message, marked as coming from this plugin.",
    request=shapes.Notify, response=shapes.Notified, status=202,
    own=lambda user, data: data.get("user_id") == user.pk,
)  # fmt: skip
def notify(caller: Caller, data: dict[str, Any]) -> Any:
    plugin = plugin_of(caller)
    user_id = data.pop("user_id", None)
    people = [users.get_user(user_id).pk] if user_id else [w.user_id for w in plugin.watchers.all()]
    whom = "a person" if user_id else "its watchers"
    with transaction.atomic():  # a notification that is not published does not count
        rate_limits.count(
            "notify", plugin.slug, str(user_id or "watchers"), limit=NOTIFICATIONS,
            refusal=f"A plugin may show {whom} at most {NOTIFICATIONS} notifications in ten minutes.",
        )  # fmt: skip
        events.publish("notification", data | {"plugin": plugin.slug}, to_users=people, to_staff=False)
    return {"delivered_to": "user" if user_id else "watchers"}


@operation(
    "GET", "kv/<kvkey:key>", title="Read its store", risk=Risk.LOW,
    meaning="Reads values that the plugin itself stored.", response=shapes.Entry,
)  # fmt: skip
def kv_get(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.get(plugin_of(caller), data["key"])


@operation(
    "PUT", "kv/<kvkey:key>", title="Write to its store", risk=Risk.LOW,
    meaning="Stores values under the plugin's own keys, up to a quota.",
    request=shapes.SetEntry, response=shapes.StoredEntry,
)  # fmt: skip
def kv_set(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.put(plugin_of(caller), **data)


@operation(
    "DELETE", "kv/<kvkey:key>", title="Delete from its store", risk=Risk.LOW,
    meaning="Deletes values that the plugin itself stored.", query=shapes.IfVersion, status=204,
)  # fmt: skip
def kv_delete(caller: Caller, data: dict[str, Any]) -> Any:
    kv.delete(plugin_of(caller), **data)


@operation(
    "GET", "kv", title="List its store", risk=Risk.LOW,
    meaning="Lists the keys of the values that the plugin itself stored.",
    query=shapes.ListEntries, response=shapes.EntryPage,
)  # fmt: skip
def kv_list(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.page(plugin_of(caller), **data)


def plugin_of(caller: Caller) -> Plugin:
    """The caller's plugin. Raises Forbidden for an API token that is not bound to one."""
    plugin = Plugin.objects.filter(slug=caller.plugin).first() if caller.plugin else None
    if plugin is None:
        raise Forbidden("This operation works on a plugin's own data. Use a token that is bound to a plugin.")
    return plugin
