"""Writes one batch of records to the database."""

import logging
from collections.abc import Callable
from functools import partial

from django.db import DataError, IntegrityError, transaction

from accounts.models import User
from core import events
from plugins.history import execution_insert
from plugins.history.buffer import Batch
from plugins.models import Execution, HostCall

logger = logging.getLogger("hostbridge.journal")

_UPDATED = (
    "state", "problem", "output_bytes", "output", "logs", "finished_at",
    "queue_ms", "start_ms", "run_ms", "host_ms",
)  # fmt: skip


def write_batch(batch: Batch) -> None:
    """Writes the batch and its events in one transaction. Raises what the database raises.

    If the database refuses a record, because its plugin or execution was deleted meanwhile or because of a
    value, every record is written on its own, and those that are refused are dropped.
    """
    host_calls = [host_call.as_model() for host_call in batch.host_calls]
    texts = [*batch.events, *(record.event for record in (*batch.begun, *batch.changed))]
    try:
        with transaction.atomic():
            execution_insert.insert([record.row for record in batch.begun if record.row is not None])
            for record in batch.changed:
                _update(record.execution)
            HostCall.objects.bulk_create(host_calls)
            events.publish_encoded(texts)
    except (IntegrityError, DataError):
        for record in batch.begun:
            _write_or_drop(partial(_insert, record.execution))
        for record in batch.changed:
            _write_or_drop(partial(_update, record.execution))
        for host_call in host_calls:
            _write_or_drop(partial(host_call.save, force_insert=True))
        events.publish_encoded(texts)


def _insert(execution: Execution) -> None:
    """Inserts the execution, without its user if that user was deleted."""
    if execution.user_id is not None and not User.objects.filter(pk=execution.user_id).exists():
        execution.user = None
    execution.save(force_insert=True)


def _update(execution: Execution) -> None:
    """Changes the row unless it has ended: another process may have marked it crashed (server_processes)."""
    running = Execution.objects.filter(pk=execution.pk, finished_at=None)
    running.update(**{name: getattr(execution, name) for name in _UPDATED})


def _write_or_drop(write: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            write()
    except (IntegrityError, DataError) as error:
        logger.warning("The database refused a record, which was dropped: %s", error)
