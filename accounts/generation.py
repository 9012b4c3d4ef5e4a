"""A mark, shared by all processes on this machine, that changes whenever access may have changed.

What was looked up of users, sessions, plugins and grants may be kept for as long as the mark is the same.
Every write to their tables through Django changes it, once it is committed, whichever process it was: the
mark is eight bytes of a file that all of them have mapped, and looking at it costs less than a microsecond.
"""

import mmap
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.backends.signals import connection_created

_SIZE = 8
_WRITES = re.compile(
    r'\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE)\s+"?'
    r"(?:accounts_(?:user|session|apitoken)|plugins_(?:plugin|release|grant|networkgrant))\b",
    re.IGNORECASE,
)


def current() -> bytes:
    """The mark as it is now. Ask before looking up what is to be kept under it."""
    return _mapped()[:_SIZE]


def advance() -> None:
    """What is kept anywhere counts no more."""
    _mapped()[:_SIZE] = os.urandom(_SIZE)


def watch_connections() -> None:
    """From now on, writes through any new database connection of this process are noticed."""
    connection_created.connect(_watch, dispatch_uid="generation")


def _watch(connection: Any, **_: Any) -> None:
    if _notice not in connection.execute_wrappers:
        connection.execute_wrappers.append(_notice)


def _notice(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
    result = execute(sql, parameters, many, context)
    if _WRITES.match(sql):
        transaction.on_commit(advance, using=context["connection"].alias)
    return result


@cache
def _mapped() -> mmap.mmap:
    path = Path(settings.DATA_DIR) / "generation"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < _SIZE:
            os.ftruncate(descriptor, _SIZE)
        return mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)
