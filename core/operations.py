"""The registry of host API operations. Each app defines its own in its `operations.py`.

The name of an operation's function is also its permission, its OpenAPI operationId, its host function and its
label in the audit log. The decorator adds the route, the shapes, and the words that an administrator reads
before granting it. Routes, permissions, host functions and documents all follow from this registry.

An operation takes a Caller and the validated input, returns plain data, and raises nothing but Problems.
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
    """Something a manifest may ask for. `title` and `meaning` are for the administrator who grants it."""

    name: str
    title: str
    meaning: str
    risk: Risk


class Caller(Protocol):
    """Who asks for an operation, as the host knows them. Nothing in here comes from the guest."""

    @property
    def granted(self) -> frozenset[str]: ...
    @property
    def plugin(self) -> str: ...
    @property
    def user_agent(self) -> str: ...
    @property
    def ip_address(self) -> str | None: ...


Perform = Callable[[Caller, dict[str, Any]], Any]
# Takes a user and the input. True if the call works on that user's own data only.
Own = Callable[[Any, dict[str, Any]], bool]
Shape = type[serializers.Serializer[Any]]


@dataclass(frozen=True)
class Operation(Permission):
    """A permission that is also an HTTP endpoint. `route` is in Django's syntax, relative to PREFIX.

    `own` decides whether a run in a user's browser may perform it; None means never. The user controls such a
    run, so it may only do what the user may do to their own data.
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
        """The names of the fields in the path."""
        return tuple(re.findall(r"<\w+:(\w+)>", self.route))


OPERATIONS: dict[str, Operation] = {}
PERMISSIONS: dict[str, Permission] = {}


def permission(name: str, *, title: str, meaning: str, risk: Risk) -> Permission:
    """Registers a permission without an operation of its own: it widens what others return."""
    registered = PERMISSIONS[name] = Permission(name, title, meaning, risk)
    return registered


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
    """Registers the decorated function as the operation of its name."""

    def register(perform: Perform) -> Perform:
        name = perform.__name__
        OPERATIONS[name] = PERMISSIONS[name] = Operation(
            name, title, meaning, risk, method, route, request, query, response, status, own, perform
        )
        return perform

    return register


def subject(data: dict[str, Any], result: Any) -> str:
    """The id or key of what an operation was about, for the audit log. Never an e-mail or a secret."""
    found: uuid.UUID | str | None = (
        data.get("uuid") or data.get("id") or data.get("user_id") or data.get("key")
    )
    if found is None and isinstance(result, dict):
        found = result.get("user_id") or result.get("id")
    return str(found or "")
