"""Each plugin's own key-value store: JSON values with a quota, expiry and compare-and-set.

A write locks the plugin's row, so the quota and the versions hold under any number of concurrent callers. An
expired entry is invisible at once, and the plugin's next write deletes it.
"""

import json
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import Left
from django.utils import timezone

from core.problems import NotFound, PayloadTooLarge, Problem
from plugins.models import KVEntry, Plugin

MAX_VALUE_BYTES = 64 << 10
ENTRY_BYTES = 128  # counted for each entry besides its key and value, to bound the number of entries


class VersionMismatch(Problem):
    status = 412
    code = "version-mismatch"
    title = "The entry has changed"


class QuotaExceeded(Problem):
    status = 409
    code = "quota-exceeded"
    title = "The plugin's store is full"


def get(plugin: Plugin, key: str) -> dict[str, Any]:
    """Raises NotFound."""
    entry = KVEntry.objects.live().filter(plugin=plugin, key=key).first()
    if entry is None:
        raise NotFound("The store has no entry with this key.")
    return _meta(entry) | {"value": entry.value}


def put(
    plugin: Plugin, key: str, value: Any, ttl_seconds: int | None = None, if_version: int | None = None
) -> dict[str, Any]:
    """Stores the value. With `if_version`, only over that version; with 0, only if there is no entry.

    Raises PayloadTooLarge, QuotaExceeded, or VersionMismatch with the present version.
    """
    size = len(key) + len(json.dumps(value, ensure_ascii=False).encode())
    if size - len(key) > MAX_VALUE_BYTES:
        raise PayloadTooLarge(f"A value may have at most {MAX_VALUE_BYTES} bytes.")
    with transaction.atomic():
        _lock(plugin)
        KVEntry.objects.expired().filter(plugin=plugin).delete()
        entry = KVEntry.objects.filter(plugin=plugin, key=key).first()
        _check_version(entry, if_version)
        others = KVEntry.objects.filter(plugin=plugin).exclude(key=key)
        sums = others.aggregate(total=Sum("size_bytes"), entries=Count("pk"))
        used = (sums["total"] or 0) + sums["entries"] * ENTRY_BYTES
        if used + size + ENTRY_BYTES > settings.PLUGIN_KV_QUOTA_BYTES:
            raise QuotaExceeded(
                f"{used} of {settings.PLUGIN_KV_QUOTA_BYTES} bytes are in use. Delete some entries first."
            )
        entry = entry or KVEntry(plugin=plugin, key=key, version=0)
        # From the clock, so that a key that is deleted and written again never gets an old version.
        entry.version = max(entry.version + 1, time.time_ns() // 1000)
        entry.value, entry.size_bytes = value, size
        entry.expires_at = timezone.now() + timedelta(seconds=ttl_seconds) if ttl_seconds else None
        entry.save()
    return _meta(entry)


def delete(plugin: Plugin, key: str, if_version: int | None = None) -> None:
    """Raises NotFound or VersionMismatch."""
    with transaction.atomic():
        _lock(plugin)
        entry = KVEntry.objects.live().filter(plugin=plugin, key=key).first()
        if entry is None:
            raise NotFound("The store has no entry with this key.")
        _check_version(entry, if_version)
        entry.delete()


def page(plugin: Plugin, prefix: str = "", limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    """A page of entries in the order of their keys. `cursor` is the last key of the page before."""
    found = KVEntry.objects.live().filter(plugin=plugin).order_by("key")
    if prefix:
        # Not `startswith`: on SQLite that becomes LIKE, which ignores case.
        found = found.alias(start=Left("key", len(prefix))).filter(start=prefix)
    rows = list(found.filter(key__gt=cursor or "").defer("value")[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    items = [_meta(entry) | {"size_bytes": entry.size_bytes} for entry in rows]
    return {"items": items, "next_cursor": rows[-1].key if more else None}


def _lock(plugin: Plugin) -> None:
    Plugin.objects.select_for_update().get(pk=plugin.pk)


def _check_version(entry: KVEntry | None, if_version: int | None) -> None:
    version = entry.version if entry else 0
    if if_version is not None and if_version != version:
        raise VersionMismatch(f"The entry is at version {version} now. Read it again.", version=version)


def _meta(entry: KVEntry) -> dict[str, Any]:
    expires_at = entry.expires_at.isoformat() if entry.expires_at else None
    return {"key": entry.key, "version": entry.version, "expires_at": expires_at}
