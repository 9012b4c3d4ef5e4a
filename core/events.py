"""Publishing live events: what happened, for the people it concerns.

Events are written in the transaction that they report (`EventBatch`): a committed change has its events, and
one that was rolled back has none. core.feed delivers them to listeners.
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

# Callbacks, run after every commit that published events. The feed of this process adds one.
on_published: list[Callable[[], None]] = []


def user_group(user_id: uuid.UUID | str) -> str:
    return f"user.{user_id}"


class Event(NamedTuple):
    """An event for these users and for staff or, with `to_all`, for everyone who is logged in.

    `data` must be ready for JSON and hold no secret. A None in `to_users` stands for nobody.
    """

    kind: str
    data: dict[str, Any]
    to_users: Iterable[uuid.UUID | None] = ()
    to_staff: bool = True
    to_all: bool = False

    @property
    def groups(self) -> list[str]:
        if self.to_all:
            return [EVERYONE_GROUP]
        users = [user_group(user_id) for user_id in self.to_users if user_id is not None]
        return [STAFF_GROUP, *users] if self.to_staff else users


def publish(
    kind: str,
    data: dict[str, Any],
    *,
    to_users: Iterable[uuid.UUID | None] = (),
    to_staff: bool = True,
    to_all: bool = False,
) -> None:
    """Publishes one Event, described by its fields, when the current transaction commits."""
    publish_all([Event(kind, data, to_users, to_staff, to_all)])


def publish_all(events: Iterable[Event]) -> None:
    """Publishes several events, in this order, when the current transaction commits."""
    publish_encoded([encode(event) for event in events])


def publish_encoded(events: Sequence[str]) -> None:
    """Like `publish_all`, for events that `encode` returned."""
    if events:
        EventBatch.objects.create(events=f"[{','.join(events)}]", size=len(events))
        transaction.on_commit(_run_callbacks)


def encode(event: Event) -> str:
    """The event as JSON for an EventBatch, with the current time as its `at`."""
    now = datetime.now(UTC).isoformat()
    fields = {"to": event.groups, "type": event.kind, "at": now, "data": event.data}
    try:
        return msgspec.json.encode(fields).decode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only carry as an escape
        return json.dumps(fields)


def _run_callbacks() -> None:
    for callback in on_published:
        callback()
