"""Request and response shapes of the operations in `plugins.operations`."""

from typing import Any

from rest_framework import serializers

from core.shapes import StrictIntegerField, StrictSerializer, TextField


class Notify(StrictSerializer):
    title = TextField(min_length=1, max_length=120)
    body = TextField(max_length=1000, required=False, allow_blank=True, default="")
    level = serializers.ChoiceField(["info", "success", "warning", "error"], default="info")
    user_id = serializers.UUIDField(required=False)


class Notified(serializers.Serializer[Any]):
    delivered_to = serializers.ChoiceField(["user", "watchers"])


class EntryMeta(serializers.Serializer[Any]):
    key = serializers.CharField()
    version = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)


class Entry(EntryMeta):
    value = serializers.JSONField(allow_null=True)


class StoredEntry(EntryMeta):
    pass


class ListedEntry(EntryMeta):
    size_bytes = serializers.IntegerField()


class SetEntry(StrictSerializer):
    value = serializers.JSONField(allow_null=True)
    ttl_seconds = StrictIntegerField(min_value=1, max_value=365 * 24 * 3600, required=False)
    if_version = StrictIntegerField(min_value=0, max_value=2**53, required=False)


class IfVersion(StrictSerializer):
    if_version = serializers.IntegerField(min_value=1, max_value=2**53, required=False)


class ListEntries(StrictSerializer):
    prefix = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)
    cursor = serializers.CharField(max_length=200, required=False)


class EntryPage(serializers.Serializer[Any]):
    items = ListedEntry(many=True)
    next_cursor = serializers.CharField(allow_null=True)
