"""What one server process asks of another, through the database: to end a call that runs there."""

import asyncio
import logging

from channels.db import database_sync_to_async

from plugins.history import server_processes
from plugins.models import Execution
from plugins.runtime.service import get_engine

logger = logging.getLogger("hostbridge.controls")

LOOK_SECONDS = 0.25


def ask_to_cancel(execution: Execution) -> None:
    """Asks the process that runs the call to end it. It will have seen that after about LOOK_SECONDS."""
    Execution.objects.filter(pk=execution.pk, finished_at=None).update(cancel_requested=True)


def cancel_what_was_asked() -> None:
    """Ends the calls of this process that another one was asked to end."""
    running_here = Execution.objects.filter(server=server_processes.own_id(), finished_at=None)
    for execution_id in running_here.filter(cancel_requested=True).values_list("pk", flat=True):
        get_engine().cancel(execution_id)


async def look_for_ever() -> None:
    """Does what other processes ask. The database is looked at only while calls run here."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if get_engine().pool.busy:
                await database_sync_to_async(cancel_what_was_asked)()
        except Exception:  # whatever it is, the next look may succeed
            logger.exception("What other server processes ask could not be looked for")
