"""Live events: what happened, told to whom it concerns, over Channels.

Delivery is a courtesy, never the record: a lost event loses nothing but immediacy, so a failing channel
layer is logged and never fails the work that published.
"""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction
from django.utils import timezone

logger = logging.getLogger("hostbridge.events")

Groups = Mapping[str, list[dict[str, Any]]]  # the events for each

STAFF_GROUP = "events.staff"
EVERYONE_GROUP = "events.everyone"


def user_group(user_id: uuid.UUID | str) -> str:
    return f"events.user.{user_id}"


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
    event = _event(kind, data)
    groups = [user_group(user_id) for user_id in to_users if user_id is not None]
    if to_staff:
        groups.append(STAFF_GROUP)
    if to_all:
        groups = [EVERYONE_GROUP]
    transaction.on_commit(lambda: _send({group: [event] for group in groups}))


def publish_all(told: Iterable[Told]) -> None:
    """Tells several events at once, in their order, once the current transaction commits."""
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for kind, data, to_users, to_all in told:
        event = _event(kind, data)
        groups[EVERYONE_GROUP if to_all else STAFF_GROUP].append(event)
        for user_id in filter(None, to_users):
            groups[user_group(user_id)].append(event)
    if groups:
        transaction.on_commit(lambda: _send(groups))


def _event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, "type": kind, "at": timezone.now().isoformat(), "data": data}


def somebody_listens() -> bool:
    """False if it is certain that nobody would hear: then an event need not be put together."""
    layer = get_channel_layer()
    return not isinstance(layer, InMemoryChannelLayer) or bool(layer.groups)


class Outbox:
    """Sends events from one task on the server's event loop, in the order in which they were published.

    Whoever publishes does not wait: somebody else waits for them. Beyond MAX_WAITING, which takes a channel
    layer that hangs, events are dropped.
    """

    MAX_WAITING = 10_000
    running: "ClassVar[Outbox | None]" = None

    def __init__(self) -> None:
        """Must be called on the event loop; from then on everything published goes this way."""
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Groups] = asyncio.Queue(self.MAX_WAITING)
        self._task = self._loop.create_task(self._send_for_ever())
        Outbox.running = self

    def put(self, groups: "Groups") -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._offer, groups)

    async def close(self) -> None:
        """Sends what is waiting, then stops."""
        Outbox.running = None
        await asyncio.sleep(0)  # what was put from threads is offered first
        await self._waiting.join()
        self._task.cancel()

    def _offer(self, item: "Groups") -> None:
        if self._waiting.full():
            logger.error("An event was dropped: %d are waiting to be sent", self.MAX_WAITING)
        else:
            self._waiting.put_nowait(item)

    async def _send_for_ever(self) -> None:
        while True:
            await _send_to_all(await self._waiting.get())
            self._waiting.task_done()


def _send(groups: Groups) -> None:
    if Outbox.running is not None:
        Outbox.running.put(groups)
    else:  # a management command, or a test
        async_to_sync(_send_to_all)(groups)


async def _send_to_all(groups: Groups) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        for group, events in groups.items():
            await layer.group_send(group, {"type": "events", "events": events})
    except Exception:
        logger.exception("An event could not be sent")
