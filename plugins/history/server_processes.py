"""Which server process runs an execution, so that one that was killed leaves nothing `running` behind.

A process holds a lock on a file of its own as long as it lives; the kernel lets go of it however it dies. All
server processes share DATA_DIR, where these files are, as they share the stored modules.
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
    """This process's name for as long as it lives."""
    with _lock:  # or two first callers would make two
        return _claim()


def mark_orphans() -> int:
    """Ends, as crashed, the executions of server processes that are gone; how many. Tells those who watch.

    Raises DatabaseError and OSError.
    """
    going_on = Execution.objects.filter(finished_at=None, target="server")
    servers = going_on.order_by().values_list("server", flat=True).distinct()
    dead = [server for server in servers if server != own_id() and not _is_alive(server)]
    orphans = going_on.filter(server__in=dead).select_related("plugin", "user")
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
    """Whether it was still going on when it was ended here."""
    execution.state = Execution.State.CRASHED
    execution.problem = PluginCrashed("The server process that ran it was killed.").as_dict()
    execution.finished_at = timezone.now()
    still = Execution.objects.filter(pk=execution.pk, finished_at=None)
    return bool(
        still.update(state=execution.state, problem=execution.problem, finished_at=execution.finished_at)
    )


@cache
def _claim() -> str:
    name = uuid.uuid4().hex
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_CREAT | os.O_RDWR, 0o600)  # kept open, and so locked, to the end
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    draft.rename(path)  # nobody sees it unlocked
    return name


def _is_alive(server: str) -> bool:
    """Raises OSError where that cannot be found out: out of descriptors, nobody is to be taken for dead."""
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
