"""The core's one table."""

import json
from typing import Any

from django.db import models
from django.utils import timezone


class EventBatch(models.Model):
    """What one transaction told; kept for minutes, for those who come back after their connection was lost.

    Transactions do not commit in the order of their ids, so core.feed gives each batch its `position`
    once it is there for everybody to see.
    """

    position = models.BigIntegerField(null=True, unique=True, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    size = models.PositiveIntegerField(editable=False)
    # Text, not JSONField: each event is encoded where it happens, long before its batch is known.
    events = models.TextField(
        editable=False, help_text="A JSON list; each event with the groups it is for, under `to`."
    )

    def __str__(self) -> str:
        return f"{self.size} events at {self.at:%H:%M:%S}"

    def told(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = json.loads(self.events)
        return told
