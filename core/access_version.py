"""The access version: a value shared by all processes on this machine that changes whenever access may have.

Look-ups of users, sessions, plugins and grants may be cached for as long as the version stays the same. Every
committed write through Django to a table of a model marked with `decides_access` changes it, in whichever
process. The version is eight bytes of a file that all processes map into memory; reading it takes less than a
microsecond.
"""

import mmap
import os
import re
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.backends.signals import connection_created
from django.db.models import Model

_SIZE = 8
_WRITE = re.compile(
    r"\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?)\s+(?:ONLY\s+)?[\"`]?(?P<table>\w+)",
    re.IGNORECASE,
)
_tables: set[str] = set()
M = TypeVar("M", bound=type[Model])


def decides_access(model: M) -> M:
    """Class decorator for models that authorization reads: a write to their table advances the version."""
    _tables.add(model._meta.db_table)
    return model


def tables() -> frozenset[str]:
    """The tables whose writes advance the version."""
    return frozenset(_tables)


def current() -> bytes:
    """The version now. Read it before looking up what is to be cached under it."""
    return _mapped()[:_SIZE]


def advance() -> None:
    """Invalidates everything cached under the version, in every process on this machine."""
    _mapped()[:_SIZE] = os.urandom(_SIZE)


def watch_connections() -> None:
    """From now on, writes through any new database connection of this process are noticed."""
    connection_created.connect(_watch, dispatch_uid="access_version")


def _watch(connection: Any, **_: Any) -> None:
    if _notice not in connection.execute_wrappers:
        connection.execute_wrappers.append(_notice)


def _notice(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
    result = execute(sql, parameters, many, context)
    written = _WRITE.match(sql)
    if written and written["table"] in _tables:
        transaction.on_commit(advance, using=context["connection"].alias)
    return result


@cache
def _mapped() -> mmap.mmap:
    path = Path(settings.DATA_DIR) / "access-version"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < _SIZE:
            os.ftruncate(descriptor, _SIZE)
        return mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)
