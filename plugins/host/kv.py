"""Each plugin's own store: JSON values under keys, with a quota, expiry and compare-and-set.

Writes of one plugin take turns (its row is locked), so the quota and the versions hold under any number of
callers at once. An entry past its end is as good as gone from that moment, and removed by the next write.
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
ENTRY_BYTES = 128  # what an entry takes besides its key and value; without it a quota would allow any number


class VersionMismatch(Problem):
    status = 412
    code = "version-mismatch"
    title = "The entry was changed meanwhile"


class QuotaExceeded(Problem):
    status = 409
    code = "quota-exceeded"
    title = "The plugin's store is full"


def get(plugin: Plugin, key: str) -> dict[str, Any]:
    """Raises NotFound."""
    entry = KVEntry.objects.live().filter(plugin=plugin, key=key).first()
    if entry is None:
        raise NotFound("There is nothing under this key.")
    return _meta(entry) | {"value": entry.value}


def put(
    plugin: Plugin, key: str, value: Any, ttl_seconds: int | None = None, if_version: int | None = None
) -> dict[str, Any]:
    """Stores the value. `if_version` 0: only where nothing is; else: only over that version.

    Raises PayloadTooLarge, QuotaExceeded or VersionMismatch, which tells the version that is there.
    """
    size = len(key) + len(json.dumps(value, ensure_ascii=False).encode())
    if size - len(key) > MAX_VALUE_BYTES:
        raise PayloadTooLarge(f"A value may have at most {MAX_VALUE_BYTES} bytes.")
    with transaction.atomic():
        _take_turn(plugin)
        KVEntry.objects.expired().filter(plugin=plugin).delete()
        entry = KVEntry.objects.filter(plugin=plugin, key=key).first()
        _check_version(entry, if_version)
        others = KVEntry.objects.filter(plugin=plugin).exclude(key=key)
        kept = others.aggregate(total=Sum("size_bytes"), entries=Count("pk"))
        used = (kept["total"] or 0) + kept["entries"] * ENTRY_BYTES
        if used + size + ENTRY_BYTES > settings.PLUGIN_KV_QUOTA_BYTES:
            raise QuotaExceeded(f"{settings.PLUGIN_KV_QUOTA_BYTES} bytes are allowed, and {used} are used.")
        entry = entry or KVEntry(plugin=plugin, key=key, version=0)
        # By the clock, so that a key which is deleted and written again never has an old version anew.
        entry.version = max(entry.version + 1, time.time_ns() // 1000)
        entry.value, entry.size_bytes = value, size
        entry.expires_at = timezone.now() + timedelta(seconds=ttl_seconds) if ttl_seconds else None
        entry.save()
    return _meta(entry)


def delete(plugin: Plugin, key: str, if_version: int | None = None) -> None:
    """Raises NotFound or VersionMismatch."""
    with transaction.atomic():
        _take_turn(plugin)
        entry = KVEntry.objects.live().filter(plugin=plugin, key=key).first()
        if entry is None:
            raise NotFound("There is nothing under this key.")
        _check_version(entry, if_version)
        entry.delete()


def page(plugin: Plugin, prefix: str = "", limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    """Keys in order, from after `cursor`, the last key of the page before."""
    found = KVEntry.objects.live().filter(plugin=plugin).order_by("key")
    if prefix:
        # Not `startswith`: on SQLite that is LIKE, which takes a for A.
        found = found.alias(start=Left("key", len(prefix))).filter(start=prefix)
    rows = list(found.filter(key__gt=cursor or "").defer("value")[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    items = [_meta(entry) | {"size_bytes": entry.size_bytes} for entry in rows]
    return {"items": items, "next_cursor": rows[-1].key if more else None}


def _take_turn(plugin: Plugin) -> None:
    Plugin.objects.select_for_update().get(pk=plugin.pk)


def _check_version(entry: KVEntry | None, if_version: int | None) -> None:
    version = entry.version if entry else 0
    if if_version is not None and if_version != version:
        raise VersionMismatch(f"It has version {version} now. Read it again.", version=version)


def _meta(entry: KVEntry) -> dict[str, Any]:
    expires_at = entry.expires_at.isoformat() if entry.expires_at else None
    return {"key": entry.key, "version": entry.version, "expires_at": expires_at}
