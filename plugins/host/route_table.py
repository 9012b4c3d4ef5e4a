"""The routes of the host API, made from the registered operations.

Guests' calls over the bridge are looked up in this table, and the URL patterns of real HTTP are made from it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.urls import register_converter
from django.urls.converters import get_converters

from core.operations import OPERATIONS, Operation
from core.problems import NotFound


class OperationNotFound(NotFound):
    default_detail = "The host API has no such operation."


class KeyConverter:
    """A key in a plugin's store. Its characters need no escaping, so every transport spells it alike."""

    regex = r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,200}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(KeyConverter, "kvkey")


@dataclass(frozen=True)
class Route:
    """The operations at one address, by HTTP method."""

    template: str
    path_fields: tuple[str, ...]
    operations: dict[str, Operation]


@dataclass
class _Node:
    """A position in a path: the segments that may follow, and the route that ends here."""

    literals: "dict[str, _Node]" = field(default_factory=dict)
    parameter: "_Parameter | None" = None
    route: Route | None = None


class _Parameter:
    """A path segment that holds a field, validated and converted as in Django's URL patterns."""

    def __init__(self, converter: str) -> None:
        self.converter = converter
        self.node = _Node()
        rules = get_converters()[converter]
        self._matches = re.compile(rules.regex).fullmatch
        self._to_python = rules.to_python

    def value(self, segment: str) -> Any:
        """Raises ValueError."""
        if self._matches(segment) is None:
            raise ValueError(segment)
        return self._to_python(segment)

    def accepts(self, segment: str) -> bool:
        try:
            self.value(segment)
        except ValueError:
            return False
        return True


class RouteTable:
    """Finds the route of a path, one segment after the other.

    Raises ImproperlyConfigured for operations whose routes could match the same path. Django would take the
    first of its patterns there, and the bridge could take another.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.routes: list[Route] = []
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    def find(self, path: str) -> tuple[Route, dict[str, Any]]:
        """The route, and the fields in the path. Raises OperationNotFound."""
        node = self._root
        values = []
        for segment in path.split("/"):
            following = node.literals.get(segment)
            if following is None:
                if node.parameter is None:
                    raise OperationNotFound
                try:
                    values.append(node.parameter.value(segment))
                except ValueError as error:
                    raise OperationNotFound from error
                following = node.parameter.node
            node = following
        if node.route is None:
            raise OperationNotFound
        return node.route, dict(zip(node.route.path_fields, values, strict=True))

    def _add(self, operation: Operation) -> None:
        node = self._root
        for segment in operation.route.split("/"):
            node = _following(node, segment, operation)
        if node.route is None:
            node.route = Route(operation.route, operation.path_fields, {})
            self.routes.append(node.route)
        if node.route.template != operation.route or operation.method in node.route.operations:
            raise _conflict(operation)
        node.route.operations[operation.method] = operation


def _following(node: _Node, segment: str, operation: Operation) -> _Node:
    """The node that this segment of the operation's route leads to, created if need be."""
    if "<" not in segment:
        if node.parameter is not None and node.parameter.accepts(segment):
            raise _conflict(operation)
        return node.literals.setdefault(segment, _Node())
    match = re.fullmatch(r"<(\w+):\w+>", segment)
    if match is None:
        raise ImproperlyConfigured(f"{operation.name}: {segment!r} must be a single field such as <uuid:id>.")
    if node.parameter is None:
        node.parameter = _Parameter(match[1])
        # A converter that takes slashes (Django's `path`) would match several segments in URL patterns only.
        if node.parameter.accepts("a/b") or any(map(node.parameter.accepts, node.literals)):
            raise _conflict(operation)
    elif node.parameter.converter != match[1]:
        raise _conflict(operation)
    return node.parameter.node


def _conflict(operation: Operation) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{operation.name}: {operation.method} {operation.route} could match a path of another operation."
    )


@cache
def route_table() -> RouteTable:
    """The routes of every registered operation, once all apps are loaded."""
    return RouteTable(OPERATIONS.values())
