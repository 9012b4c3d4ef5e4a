"""Executions as rows: what bulk_create does, at a fifth of its cost, and half of that where the call ends.

Every call writes one, so each microsecond counts. Columns and conversions are the model's own.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from plugins.models import Execution

# Exact types that every database takes as they are, in whatever column.
_AS_IT_IS = frozenset({bool, int, float, str, bytes, type(None)})
# What SQLite makes of others, in whatever column: as Django does it, without looking up how each time.
_SQLITE: dict[type, Callable[[Any], Any]] = {
    list: json.dumps,
    dict: json.dumps,
    UUID: attrgetter("hex"),
    datetime: lambda value: str(value.astimezone(UTC).replace(tzinfo=None)),
}
_COLUMNS = [(column, column.attname) for column in Execution._meta.concrete_fields]

Row = list[Any]


def row_of(execution: Execution) -> Row:
    """Its values as they are now, as the database takes them. Asks the database nothing."""
    values = execution.__dict__
    database = _dialect()
    quick = _quick()
    row = []
    for column, name in _COLUMNS:
        value = values[name]
        kind = type(value)
        if kind not in _AS_IT_IS:
            convert = quick.get(kind)
            value = convert(value) if convert else column.get_db_prep_save(value, database)
        row.append(value)
    return row


def insert(rows: Sequence[Row]) -> None:
    """Raises what the database raises."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_insert_sql(), rows)


@cache
def _dialect() -> BaseDatabaseWrapper:
    """Knows the database's way with values; is never connected, and so may be used by every thread."""
    return connections.create_connection(DEFAULT_DB_ALIAS)


@cache
def _quick() -> dict[type, Callable[[Any], Any]]:
    return _SQLITE if _dialect().vendor == "sqlite" else {}


@cache
def _insert_sql() -> str:
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(column.column)) for column, _ in _COLUMNS)
    places = ", ".join(["%s"] * len(_COLUMNS))
    return f"INSERT INTO {quote(Execution._meta.db_table)} ({names}) VALUES ({places})"  # noqa: S608
