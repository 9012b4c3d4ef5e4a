"""Live events: what happened, told to whom it concerns.

What one transaction tells is written by that very transaction (`EventBatch`), so that there is an event of
everything that happened and of nothing that did not. accounts.feed brings it to those who listen.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from django.db import models, transaction
from django.utils import timezone

STAFF_GROUP = "staff"
EVERYONE_GROUP = "everyone"

# What a feed in this process asks to be called with, after every commit that told something.
on_published: list[Callable[[], None]] = []


def user_group(user_id: uuid.UUID | str) -> str:
    return f"user.{user_id}"


class EventBatch(models.Model):
    """What one transaction told; kept for minutes, for those who come back after their connection was lost.

    Transactions do not commit in the order of their ids, so accounts.feed gives each batch its `position`
    once it is there for everybody to see.
    """

    position = models.BigIntegerField(null=True, unique=True, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    size = models.PositiveIntegerField(editable=False)
    events = models.JSONField(editable=False, help_text="Each with the groups it is for, under `to`.")

    def __str__(self) -> str:
        return f"{self.size} events at {self.at:%H:%M:%S}"


class Told(NamedTuple):
    """One event for these users (None: nobody) and for staff, or for all who are logged in.

    `data` is ready for JSON, without secrets.
    """

    kind: str
    data: dict[str, Any]
    to_users: Sequence[uuid.UUID | None]
    to_all: bool = False


def publish(
    kind: str,
    data: dict[str, Any],
    *,
    to_users: Iterable[uuid.UUID | None] = (),
    to_staff: bool = True,
    to_all: bool = False,
) -> None:
    """Tells these users, and staff, or everybody who is logged in, once the current transaction commits.

    `data` must be ready for JSON and hold no secret.
    """
    groups = [user_group(user_id) for user_id in to_users if user_id is not None]
    if to_staff:
        groups.append(STAFF_GROUP)
    _write([_event(kind, data, [EVERYONE_GROUP] if to_all else groups)])


def publish_all(told: Iterable[Told]) -> None:
    """Tells several events at once, in their order, once the current transaction commits."""
    _write([_event(kind, data, _groups(to_users, to_all=to_all)) for kind, data, to_users, to_all in told])


def _groups(to_users: Iterable[uuid.UUID | None], *, to_all: bool) -> list[str]:
    if to_all:
        return [EVERYONE_GROUP]
    return [STAFF_GROUP, *(user_group(user_id) for user_id in to_users if user_id)]


def _event(kind: str, data: dict[str, Any], groups: list[str]) -> dict[str, Any]:
    return {"to": groups, "type": kind, "at": timezone.now().isoformat(), "data": data}


def _write(events: list[dict[str, Any]]) -> None:
    if events:
        EventBatch.objects.create(events=events, size=len(events))
        transaction.on_commit(_wake)


def _wake() -> None:
    for wake in on_published:
        wake()
