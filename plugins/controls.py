"""What one server process asks of all the others: to end a call that may be running there."""

import asyncio
import logging
import uuid

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer

from plugins.runtime.service import get_pool

logger = logging.getLogger("hostbridge.controls")

GROUP = "servers"
RETRY_SECONDS = 5


def broadcast_cancel(execution_id: uuid.UUID) -> None:
    """Asks every server process to end this call. Not for the event loop."""
    layer = get_channel_layer()
    if layer is not None:
        async_to_sync(layer.group_send)(GROUP, {"type": "cancel", "execution": str(execution_id)})


async def listen() -> None:
    """Does what other processes ask, for ever."""
    while True:
        try:
            await _listen()
        except OSError:
            logger.exception("The channel layer is away; trying again")
            await asyncio.sleep(RETRY_SECONDS)


async def _listen() -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    while True:
        message = await layer.receive(channel)
        await sync_to_async(get_pool().cancel)(uuid.UUID(message["execution"]))
