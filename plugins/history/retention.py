"""Bounds history by age and number, so that it cannot fill the disk.

Anyone may call a public function, and each call leaves a row with up to EXECUTION_KEEP_BYTES each of input
and output, and a row for each of its host calls.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from plugins.models import Execution, ExecutionToken, HostCall

BATCH = 500  # each in a transaction of its own, so that other writers get their turn
SECONDS_AT_ONCE = 20


def delete_old_executions(*, batch: int = BATCH) -> int:
    """Deletes ended executions past either bound, with their host calls and tokens; returns how many.

    Deletes `batch` at a time, and stops after SECONDS_AT_ONCE; the next call continues.
    """
    old = Q(pk__in=[])
    if settings.EXECUTION_KEEP_DAYS:
        oldest = timezone.now() - timedelta(days=settings.EXECUTION_KEEP_DAYS)
        old |= Q(created_at__lt=oldest)
        HostCall.objects.filter(execution=None, at__lt=oldest).delete()
    if settings.EXECUTION_KEEP_COUNT and (oldest_kept := _start_of_latest(settings.EXECUTION_KEEP_COUNT)):
        old |= Q(created_at__lt=oldest_kept)
    ended = Execution.objects.filter(old, finished_at__isnull=False).order_by()
    deleted, until = 0, time.monotonic() + SECONDS_AT_ONCE
    while time.monotonic() < until and (ids := list(ended.values_list("pk", flat=True)[:batch])):
        with transaction.atomic():
            HostCall.objects.filter(execution__in=ids).delete()
            ExecutionToken.objects.filter(execution__in=ids).delete()
            Execution.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted


def _start_of_latest(count: int) -> datetime | None:
    """When the oldest of the latest `count` executions began; None if there are fewer."""
    return Execution.objects.values_list("created_at", flat=True)[count - 1 : count].first()
