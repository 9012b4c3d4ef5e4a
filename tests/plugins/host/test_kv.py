"""A plugin's own store: quota, expiry, pages, compare-and-set, and concurrent callers."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.problems import NotFound, PayloadTooLarge
from plugins.host import kv
from plugins.models import KVEntry, Plugin
from tests.conftest import at_once


@pytest.fixture
def plugin(transactional_db: None) -> Plugin:
    return Plugin.objects.create(slug="one")


@pytest.mark.parametrize("value", [None, 0, "", [], {"ü": [1.5, True, {"x": None}]}, "x" * 60_000])
def test_value_is_returned_unchanged(plugin: Plugin, value: Any) -> None:
    kv.put(plugin, "key", value)
    assert kv.get(plugin, "key")["value"] == value


def test_plugins_cannot_see_each_others_entries(plugin: Plugin) -> None:
    other = Plugin.objects.create(slug="two")
    kv.put(plugin, "key", "mine")
    with pytest.raises(NotFound):
        kv.get(other, "key")
    assert kv.page(other)["items"] == []
    with pytest.raises(NotFound):
        kv.delete(other, "key")


def test_expired_entry_is_gone(plugin: Plugin, settings: Any) -> None:
    kv.put(plugin, "key", "x" * 1000, ttl_seconds=60)
    KVEntry.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        kv.get(plugin, "key")
    with pytest.raises(NotFound):
        kv.delete(plugin, "key")
    assert kv.page(plugin)["items"] == []
    settings.PLUGIN_KV_QUOTA_BYTES = 1400  # expired entries no longer count
    kv.put(plugin, "other", "x" * 1000, if_version=0)
    kv.put(plugin, "key", 1, if_version=0)


def test_writing_without_ttl_clears_earlier_one(plugin: Plugin) -> None:
    assert kv.put(plugin, "key", 1, ttl_seconds=60)["expires_at"]
    assert kv.put(plugin, "key", 2)["expires_at"] is None


def test_compare_and_set(plugin: Plugin) -> None:
    first = kv.put(plugin, "key", 1, if_version=0)
    with pytest.raises(kv.VersionMismatch) as raised:
        kv.put(plugin, "key", 2, if_version=0)
    assert raised.value.members == {"version": first["version"]}
    second = kv.put(plugin, "key", 2, if_version=first["version"])
    with pytest.raises(kv.VersionMismatch):
        kv.delete(plugin, "key", if_version=first["version"])
    kv.delete(plugin, "key", if_version=second["version"])
    third = kv.put(plugin, "key", 3, if_version=0)
    assert third["version"] > second["version"], "a key that is written again gets a new version"


def test_one_of_many_concurrent_compare_and_sets_wins(plugin: Plugin) -> None:
    version = kv.put(plugin, "key", 0)["version"]
    results = at_once(12, lambda: kv.put(plugin, "key", 1, if_version=version))
    assert len([result for result in results if isinstance(result, dict)]) == 1
    assert len([result for result in results if isinstance(result, kv.VersionMismatch)]) == 11


def test_compare_and_set_counter_loses_no_update(plugin: Plugin) -> None:
    kv.put(plugin, "count", 0)

    def increment() -> None:
        while True:
            entry = kv.get(plugin, "count")
            try:
                kv.put(plugin, "count", entry["value"] + 1, if_version=entry["version"])
            except kv.VersionMismatch:
                continue
            return

    assert at_once(8, increment) == [None] * 8
    assert kv.get(plugin, "count")["value"] == 8


def test_quota_holds_under_concurrent_writes(plugin: Plugin, settings: Any) -> None:
    settings.PLUGIN_KV_QUOTA_BYTES = 5_000
    keys = iter([f"key{n}" for n in range(12)])
    results = at_once(12, lambda: kv.put(plugin, next(keys), "x" * 1000))
    stored = sum(entry.size_bytes for entry in KVEntry.objects.all())
    assert stored <= 5_000
    assert KVEntry.objects.count() == 4
    assert len([result for result in results if isinstance(result, kv.QuotaExceeded)]) == 8


def test_many_small_entries_fill_the_store(plugin: Plugin, settings: Any) -> None:
    """Each write sums up all entries while other writes wait, so their number must be bounded."""
    settings.PLUGIN_KV_QUOTA_BYTES = 10 * kv.ENTRY_BYTES
    for number in range(9):
        kv.put(plugin, str(number), 1)
    with pytest.raises(kv.QuotaExceeded):
        kv.put(plugin, "x", 1)


def test_overwritten_entry_counts_once(plugin: Plugin, settings: Any) -> None:
    settings.PLUGIN_KV_QUOTA_BYTES = 1_500
    for _ in range(5):
        kv.put(plugin, "key", "x" * 1000)
    with pytest.raises(kv.QuotaExceeded):
        kv.put(plugin, "other", "x" * 1000)
    kv.delete(plugin, "key")
    kv.put(plugin, "other", "x" * 1000)


def test_oversized_value_is_refused(plugin: Plugin) -> None:
    with pytest.raises(PayloadTooLarge):
        kv.put(plugin, "key", "x" * (64 << 10))


def test_pages_hold_every_key_once_and_in_order(plugin: Plugin) -> None:
    keys = sorted(f"{prefix}.{n:02}" for prefix in "ab" for n in range(7))
    for key in reversed(keys):
        kv.put(plugin, key, 1)
    seen, cursor = [], None
    while True:
        page = kv.page(plugin, limit=5, cursor=cursor)
        seen += [item["key"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == keys
    assert [item["key"] for item in kv.page(plugin, prefix="b.")["items"]] == keys[7:]
    assert kv.page(plugin, prefix="B.")["items"] == []
    assert kv.page(plugin, cursor="zzz") == {"items": [], "next_cursor": None}
