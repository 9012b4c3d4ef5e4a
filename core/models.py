"""The core's one table."""

import json
from typing import Any

from django.db import models
from django.utils import timezone


class EventBatch(models.Model):
    """The events that one transaction published, kept for some minutes so that clients can resume.

    Transactions do not commit in the order of their ids, so core.feed assigns each batch its `position` once
    the batch is committed.
    """

    position = models.BigIntegerField(null=True, unique=True, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    size = models.PositiveIntegerField(editable=False)
    # Text, not JSONField: each event is encoded when it happens, long before its batch is known.
    events = models.TextField(
        editable=False, help_text="A JSON array of events; `to` lists the groups that receive one."
    )

    def __str__(self) -> str:
        return f"{self.size} events at {self.at:%H:%M:%S}"

    def decode(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = json.loads(self.events)
        return events
