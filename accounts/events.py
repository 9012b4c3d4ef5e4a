"""Live events: what happened, told to whom it concerns, over Channels.

Delivery is a courtesy, never the record: a lost event loses nothing but immediacy, so a failing channel
layer is logged and never fails the work that published.
"""

import logging
import uuid
from collections.abc import Iterable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.utils import timezone

logger = logging.getLogger("hostbridge.events")

STAFF_GROUP = "events.staff"
EVERYONE_GROUP = "events.everyone"


def user_group(user_id: uuid.UUID | str) -> str:
    return f"events.user.{user_id}"


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
    event = {"id": uuid.uuid4().hex, "type": kind, "at": timezone.now().isoformat(), "data": data}
    groups = [user_group(user_id) for user_id in to_users if user_id is not None]
    if to_staff:
        groups.append(STAFF_GROUP)
    if to_all:
        groups = [EVERYONE_GROUP]
    transaction.on_commit(lambda: _send(groups, {"type": "event", "event": event}))


def _send(groups: list[str], message: dict[str, Any]) -> None:
    async_to_sync(_send_to_all)(groups, message)


async def _send_to_all(groups: list[str], message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        for group in groups:
            await layer.group_send(group, message)
    except Exception:
        logger.exception("An event could not be sent")
