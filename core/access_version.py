"""The access version: a value that changes whenever access may have changed.

Users, sessions, plugins and grants that were looked up may be cached while the version stays the same. A
write to the table of a model marked with `decides_access`, made through Django in any process on this
machine, gives the version a new value when it commits. The version is eight bytes of a file that all these
processes map into memory; reading it takes less than a microsecond.
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
    r"\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?)"
    r"\s+(?:ONLY\s+)?[\"`]?(?P<table>\w+)",
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
    """The version now. Read it before looking up anything that is to be cached under it."""
    return _shared_memory()[:_SIZE]


def advance() -> None:
    """Invalidates everything cached under the version, in every process on this machine."""
    _shared_memory()[:_SIZE] = os.urandom(_SIZE)


def watch_connections() -> None:
    """Watches the writes of every database connection that this process opens from now on."""
    connection_created.connect(_watch, dispatch_uid="access_version")


def _watch(connection: Any, **_: Any) -> None:
    if _advance_on_write not in connection.execute_wrappers:
        connection.execute_wrappers.append(_advance_on_write)


def _advance_on_write(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
    result = execute(sql, parameters, many, context)
    write = _WRITE.match(sql)
    if write and write["table"] in _tables:
        # Not before the commit: until then, other connections would look up and cache the old rows.
        transaction.on_commit(advance, using=context["connection"].alias)
    return result


@cache
def _shared_memory() -> mmap.mmap:
    path = Path(settings.DATA_DIR) / "access-version"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < _SIZE:
            os.ftruncate(descriptor, _SIZE)
        return mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)
