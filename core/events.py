"""Live events: what happened, told to whom it concerns.

What one transaction tells is written by that very transaction (`EventBatch`), so that there is an event of
everything that happened and of nothing that did not. core.feed brings it to those who listen.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from django.db import transaction

from core.models import EventBatch

STAFF_GROUP = "staff"
EVERYONE_GROUP = "everyone"

# What a feed in this process asks to be called with, after every commit that told something.
on_published: list[Callable[[], None]] = []


def user_group(user_id: uuid.UUID | str) -> str:
    return f"user.{user_id}"


class Event(NamedTuple):
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
    publish_encoded([_encoded(kind, data, [EVERYONE_GROUP] if to_all else groups)])


def publish_all(told: Iterable[Event]) -> None:
    """Tells several events at once, in their order, once the current transaction commits."""
    publish_encoded([encode(event) for event in told])


def publish_encoded(texts: Sequence[str]) -> None:
    """As publish_all, for events that went through `encode` already."""
    if texts:
        EventBatch.objects.create(events=f"[{','.join(texts)}]", size=len(texts))
        transaction.on_commit(_wake)


def encode(told: Event) -> str:
    """The event, which happens now, as it is kept."""
    return _encoded(told.kind, told.data, _groups(told.to_users, to_all=told.to_all))


def _groups(to_users: Iterable[uuid.UUID | None], *, to_all: bool) -> list[str]:
    if to_all:
        return [EVERYONE_GROUP]
    return [STAFF_GROUP, *(user_group(user_id) for user_id in to_users if user_id)]


def _encoded(kind: str, data: dict[str, Any], groups: list[str]) -> str:
    event = {"to": groups, "type": kind, "at": datetime.now(UTC).isoformat(), "data": data}
    try:
        return msgspec.json.encode(event).decode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only escapes can carry
        return json.dumps(event)


def _wake() -> None:
    for wake in on_published:
        wake()
