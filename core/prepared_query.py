"""Queries whose SQL is compiled once, for the look-ups that every request makes.

Django takes ten times as long to compile such a SELECT as SQLite takes to execute it. Queries are still
written with Django's ORM, and results converted by it.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db import connection, models
from django.db.models.sql.compiler import SQLCompiler

_PLACEHOLDER = "the one parameter"  # compiled into the query; no other parameter may be this text
M = models.Model


class _Compiled(NamedTuple):
    sql: str
    before: tuple[Any, ...]  # other parameters, before and after the one
    after: tuple[Any, ...]
    compiler: SQLCompiler
    converters: dict[int, Any]


class PreparedQuery:
    """A query with one text parameter, built by `queryset_for(parameter)` with `values_list(…)`.

    Raises what the database raises.
    """

    def __init__(self, queryset_for: Callable[[str], "models.QuerySet[Any, tuple[Any, ...]]"]) -> None:
        self._queryset_for = queryset_for
        self._compiled: _Compiled | None = None

    def rows(self, value: str) -> list[Sequence[Any]]:
        return self._convert(self._fetch(value))

    def one_with_many(self, value: str) -> tuple[Sequence[Any], list[Any]] | None:
        """For a row joined with many: the row without its last column, and the values of that column.

        Only the first row is converted, because the others repeat it. The last column holds text; values that
        are None are left out.
        """
        rows = self._fetch(value)
        if not rows:
            return None
        (first,) = self._convert(rows[:1])
        return first[:-1], [row[-1] for row in rows if row[-1] is not None]

    def _fetch(self, value: str) -> list[Sequence[Any]]:
        query = self._compile()
        with connection.cursor() as cursor:
            cursor.execute(query.sql, (*query.before, value, *query.after))
            rows: list[Sequence[Any]] = cursor.fetchall()
        return rows

    def _convert(self, rows: list[Sequence[Any]]) -> list[Sequence[Any]]:
        query = self._compile()
        return list(query.compiler.apply_converters(rows, query.converters)) if query.converters else rows

    def _compile(self) -> _Compiled:
        if self._compiled is None:
            compiler = self._queryset_for(_PLACEHOLDER).query.get_compiler(connection=connection)
            sql, parameters = compiler.as_sql()
            converters = compiler.get_converters([expression for expression, _, _ in compiler.select])
            index = parameters.index(_PLACEHOLDER)
            before, after = tuple(parameters[:index]), tuple(parameters[index + 1 :])
            self._compiled = _Compiled(sql, before, after, compiler, converters)
        return self._compiled


@cache
def columns(model: type[M], prefix: str = "") -> tuple[str, ...]:
    """The names of a model's columns for values_list. `prefix` leads to a related model, such as "user__"."""
    return tuple(prefix + field.attname for field in model._meta.concrete_fields)


def instance(model: type[M], row: Sequence[Any]) -> Any:
    """An object of the model, from a row of its `columns`."""
    return model.from_db(None, columns(model), row)


def one_or_none(rows: Any) -> Any:
    """The first row, or None. Faster than first(), which sorts."""
    return next(iter(rows), None)
