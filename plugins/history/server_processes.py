"""Identifies the server process of each execution, so that a killed one leaves no execution `running`.

Each process holds a lock on a file of its own while it lives; the kernel releases the lock however the
process ends. The files are in DATA_DIR, which all server processes share.
"""

import fcntl
import os
import threading
import uuid
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core import events
from plugins.history.outcomes import PluginCrashed
from plugins.models import Execution

_lock = threading.Lock()


def own_id() -> str:
    """This process's id, the same for its whole life."""
    with _lock:  # two first callers would otherwise claim two ids
        return _claim()


def mark_orphans() -> int:
    """Marks running executions of dead server processes as crashed and publishes it; returns how many.

    Raises DatabaseError and OSError.
    """
    running = Execution.objects.filter(finished_at=None, target="server")
    servers = running.order_by().values_list("server", flat=True).distinct()
    dead = [server for server in servers if server != own_id() and not _is_alive(server)]
    orphans = running.filter(server__in=dead).select_related("plugin", "user")
    with transaction.atomic():
        ended = [execution for execution in orphans if _end(execution)]
        events.publish_all(
            events.Event("execution.finished", execution.event_data(), [execution.user_id])
            for execution in ended
        )
    for server in filter(None, dead):
        _path(server).unlink(missing_ok=True)
    return len(ended)


def _end(execution: Execution) -> bool:
    """Marks the execution as crashed; false if it ended meanwhile."""
    execution.state = Execution.State.CRASHED
    execution.problem = PluginCrashed("The server process that ran the execution was killed.").as_dict()
    execution.finished_at = timezone.now()
    running = Execution.objects.filter(pk=execution.pk, finished_at=None)
    return bool(
        running.update(state=execution.state, problem=execution.problem, finished_at=execution.finished_at)
    )


@cache
def _claim() -> str:
    name = uuid.uuid4().hex
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    descriptor = os.open(
        draft, os.O_CREAT | os.O_RDWR, 0o600
    )  # stays open, and so locked, until the process ends
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    draft.rename(path)  # no other process sees the file unlocked
    return name


def _is_alive(server: str) -> bool:
    """Raises OSError if that is unknown: out of descriptors, no process may be taken for dead."""
    try:
        descriptor = os.open(_path(server), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _path(server: str) -> Path:
    return Path(settings.DATA_DIR) / "servers" / f"{server or 'unknown'}.lock"
