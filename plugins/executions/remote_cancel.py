"""Cancels calls that run in other server processes. The request travels through the database."""

import asyncio
import logging

from channels.db import database_sync_to_async

from plugins.history import server_processes
from plugins.models import Execution
from plugins.runtime.current_engine import get_engine

logger = logging.getLogger("hostbridge.remote_cancel")

POLL_SECONDS = 0.25


def request_cancel(execution: Execution) -> None:
    """Asks the process that runs the call to cancel it, which takes about POLL_SECONDS."""
    Execution.objects.filter(pk=execution.pk, finished_at=None).update(cancel_requested=True)


def cancel_requested_calls() -> None:
    """Cancels this process's calls that another process asked to cancel."""
    running_here = Execution.objects.filter(server=server_processes.own_id(), finished_at=None)
    for execution_id in running_here.filter(cancel_requested=True).values_list("pk", flat=True):
        get_engine().cancel(execution_id)


async def poll_forever() -> None:
    """Serves the requests of other processes. Reads the database only while calls run here."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        try:
            if get_engine().pool.busy:
                await database_sync_to_async(cancel_requested_calls)()
        except Exception:  # polling must go on
            logger.exception("Requests to cancel calls could not be read; trying again in %s s", POLL_SECONDS)
