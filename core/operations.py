"""The operations of the host API. Each is defined once, in the `operations.py` of the app that owns its data.

The name of its function is also the operation's permission, its OpenAPI operationId, its host function and
its label in the audit log. The decorator takes the route, the shapes and the text that an administrator reads
before granting the operation. URLs, permissions, host functions and OpenAPI documents are all derived from
OPERATIONS.

An operation takes the Caller and the validated input, returns plain data, and raises only Problems.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from rest_framework import serializers

PREFIX = "/host/v1/"


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    HIGHEST = "highest"


@dataclass(frozen=True)
class Permission:
    """Something a manifest may ask for. `title` and `meaning` help the administrator decide."""

    name: str
    title: str
    meaning: str
    risk: Risk


class Caller(Protocol):
    """Who performs an operation, as far as the host knows. Nothing in here comes from the guest."""

    @property
    def granted(self) -> frozenset[str]: ...
    @property
    def plugin(self) -> str: ...
    @property
    def user_agent(self) -> str: ...
    @property
    def ip_address(self) -> str | None: ...


Perform = Callable[[Caller, dict[str, Any]], Any]
# Takes a user and the input; returns whether the call touches only that user's own data.
Own = Callable[[Any, dict[str, Any]], bool]
Shape = type[serializers.Serializer[Any]]


@dataclass(frozen=True)
class Operation(Permission):
    """A permission that is also an HTTP endpoint. `route` is in Django's syntax, relative to PREFIX.

    `own` decides whether a run in a user's browser may perform the operation; None means never. The user
    controls what runs there, so such a run may touch only that user's own data.
    """

    method: str
    route: str
    request: Shape | None
    query: Shape | None
    response: Shape | None
    status: int
    own: Own | None
    perform: Perform

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The input fields that are part of the path."""
        return tuple(re.findall(r"<\w+:(\w+)>", self.route))


OPERATIONS: dict[str, Operation] = {}
PERMISSIONS: dict[str, Permission] = {}


def permission(name: str, *, title: str, meaning: str, risk: Risk) -> Permission:
    """Registers a permission that is not an operation but extends what other operations return."""
    PERMISSIONS[name] = Permission(name, title, meaning, risk)
    return PERMISSIONS[name]


def operation(
    method: str,
    route: str,
    *,
    title: str,
    meaning: str,
    risk: Risk,
    request: Shape | None = None,
    query: Shape | None = None,
    response: Shape | None = None,
    status: int = 200,
    own: Own | None = None,
) -> Callable[[Perform], Perform]:
    """Decorator: registers the function as the operation of the same name."""

    def register(perform: Perform) -> Perform:
        name = perform.__name__
        OPERATIONS[name] = PERMISSIONS[name] = Operation(
            name, title, meaning, risk, method, route, request, query, response, status, own, perform
        )
        return perform

    return register


def subject(data: dict[str, Any], result: Any) -> str:
    """The id or key that an operation acted on, for the audit log. Never an e-mail address or a secret."""
    found: uuid.UUID | str | None = (
        data.get("uuid") or data.get("id") or data.get("user_id") or data.get("key")
    )
    if found is None and isinstance(result, dict):
        found = result.get("user_id") or result.get("id")
    return str(found or "")
