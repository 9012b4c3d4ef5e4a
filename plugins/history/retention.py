"""Forgets history, so that it cannot fill the disk: what is old, and what is beyond a number of executions.

Anybody may call a public function, and each call leaves a record with up to EXECUTION_KEEP_BYTES of input and
of output, and a row for each of its host calls.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from plugins.models import Execution, ExecutionToken, HostCall

BATCH = 500  # with one transaction each: others want to write, too
SECONDS_AT_ONCE = 20


def forget_old() -> int:
    """Deletes executions that have ended with all that is theirs; how many. It may not come to the end."""
    old = Q(pk__in=[])
    if settings.EXECUTION_KEEP_DAYS:
        oldest = timezone.now() - timedelta(days=settings.EXECUTION_KEEP_DAYS)
        old |= Q(created_at__lt=oldest)
        HostCall.objects.filter(execution=None, at__lt=oldest).delete()
    if settings.EXECUTION_KEEP_COUNT and (oldest_kept := _start_of_the_latest(settings.EXECUTION_KEEP_COUNT)):
        old |= Q(created_at__lt=oldest_kept)
    ended = Execution.objects.filter(old, finished_at__isnull=False).order_by()
    deleted, until = 0, time.monotonic() + SECONDS_AT_ONCE
    while time.monotonic() < until and (ids := list(ended.values_list("pk", flat=True)[:BATCH])):
        with transaction.atomic():
            HostCall.objects.filter(execution__in=ids).delete()
            ExecutionToken.objects.filter(execution__in=ids).delete()
            Execution.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted


def _start_of_the_latest(count: int) -> datetime | None:
    """When the first of so many latest executions began; None if there are fewer."""
    return Execution.objects.values_list("created_at", flat=True)[count - 1 : count].first()
