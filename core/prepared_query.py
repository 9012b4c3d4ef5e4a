"""Look-ups on the path of every request, their SQL made once.

Django's compiler takes ten times as long to write such a SELECT as SQLite takes to answer it. The query is
still Django's own, and so are the conversions of what comes back.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models.sql.compiler import SQLCompiler

_PARAMETER = "the one parameter"  # stands where it will stand; a query has no other text in it
M = models.Model


class PreparedQuery:
    """The rows of `values_list(…)` for one text parameter. Raises what the database raises."""

    def __init__(self, rows_for: Callable[[str], "models.QuerySet[Any, tuple[Any, ...]]"]) -> None:
        self._rows_for = rows_for
        self._made: tuple[str, tuple[Any, ...], int, SQLCompiler, dict[int, Any]] | None = None

    def rows(self, value: str) -> list[Sequence[Any]]:
        return self._converted(self._found(value))

    def one_with_many(self, value: str) -> tuple[Sequence[Any], list[Any]] | None:
        """The row without its last column, and what is there of that: for one thing joined with many.

        Only the first row is converted: the others repeat it. The last column is a text or None.
        """
        found = self._found(value)
        if not found:
            return None
        (row,) = self._converted(found[:1])
        return row[:-1], [each[-1] for each in found if each[-1] is not None]

    def _found(self, value: str) -> list[Sequence[Any]]:
        sql, parameters, place, _, _ = self._made or self._make()
        with connection.cursor() as cursor:
            cursor.execute(sql, (*parameters[:place], value, *parameters[place + 1 :]))
            found: list[Sequence[Any]] = cursor.fetchall()
        return found

    def _converted(self, found: list[Sequence[Any]]) -> list[Sequence[Any]]:
        _, _, _, compiler, converters = self._made or self._make()
        return list(compiler.apply_converters(found, converters)) if converters else found

    def _make(self) -> tuple[str, tuple[Any, ...], int, SQLCompiler, dict[int, Any]]:
        compiler = self._rows_for(_PARAMETER).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([expression for expression, _, _ in compiler.select])
        place = parameters.index(_PARAMETER)
        self._made = (sql, tuple(parameters), place, compiler, converters)
        return self._made


@cache
def columns(model: type[M], prefix: str = "") -> tuple[str, ...]:
    """The names of a model's columns, for values_list; `prefix` leads to a related model ("user__")."""
    return tuple(prefix + field.attname for field in model._meta.concrete_fields)


def instance(model: type[M], row: Sequence[Any]) -> Any:
    """The model's object from a row of its `columns`."""
    return model.from_db(None, columns(model), row)


def one_or_none(rows: Any) -> Any:
    """The one row there is, or None. Not first(), which sorts, on the path of every request."""
    return next(iter(rows), None)
