"""The route table finds what Django's URL patterns find, and refuses routes that could make them differ."""

import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import Resolver404, resolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.operations import OPERATIONS, Operation
from plugins.host.route_table import OperationNotFound, RouteTable, route_table

LITERALS = sorted({segment for op in OPERATIONS.values() for segment in op.route.split("/")})
SEGMENTS = st.one_of(
    st.sampled_from(LITERALS),
    st.uuids().map(str),
    st.uuids().map(lambda value: str(value).upper()),
    st.from_regex(r"[A-Za-z0-9._:-]{1,8}", fullmatch=True),
    st.sampled_from(["", ".", "..", "a" * 200, "a" * 201, "users\n", "kéy"]),
)


def operation(method: str, route: str) -> Operation:
    return replace(OPERATIONS["kv_get"], name=f"{method} {route}", method=method, route=route)


def by_url_patterns(path: str) -> tuple[dict[str, Operation], dict[str, Any]] | None:
    try:
        match = resolve(f"/host/v1/{path}")
    except Resolver404:
        return None
    view = getattr(match.func, "cls", None)
    return (view.operations, match.kwargs) if view else None


def by_table(path: str) -> tuple[dict[str, Operation], dict[str, Any]] | None:
    try:
        route, path_fields = route_table().find(path)
    except OperationNotFound:
        return None
    return route.operations, path_fields


@settings(deadline=None)  # the first example loads every URL pattern
@given(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join))
@example("kv/users")
@example("kv/..")
@example(f"users/{uuid.UUID(int=7)}/password/verify")
@example("sessions/lookup/")
def test_any_path_has_same_route_as_over_http(path: str) -> None:
    assert by_table(path) == by_url_patterns(path)


def test_every_operation_is_found_by_its_route() -> None:
    values = {"uuid": uuid.UUID(int=7), "kvkey": "a.key"}
    for op in OPERATIONS.values():
        path = re.sub(r"<(\w+):\w+>", lambda match: str(values[match[1]]), op.route)
        route, path_fields = route_table().find(path)
        assert route.operations[op.method] is op
        assert tuple(path_fields) == op.path_fields


def test_operations_at_same_path_share_one_route() -> None:
    table = RouteTable([operation("GET", "notes/<int:id>"), operation("PUT", "notes/<int:id>")])
    route, path_fields = table.find("notes/7")
    assert sorted(route.operations) == ["GET", "PUT"]
    assert path_fields == {"id": 7}


def test_literal_segment_may_share_place_with_field_of_other_values() -> None:
    table = RouteTable([operation("GET", "notes/<int:id>"), operation("GET", "notes/latest")])
    assert table.find("notes/7")[0].template == "notes/<int:id>"
    assert table.find("notes/latest")[0].template == "notes/latest"


@pytest.mark.parametrize(
    "routes",
    [
        ["notes/latest", "notes/<slug:name>"],
        ["notes/<slug:name>", "notes/latest"],
        ["notes/<slug:name>", "notes/<int:id>"],
        ["notes/<int:id>", "notes/<int:note>"],
        ["notes/<int:id>", "notes/<int:id>"],
        ["notes/<path:rest>"],
        ["notes/note-<int:id>"],
        ["notes/<id>"],
    ],
)
def test_ambiguous_routes_are_refused(routes: list[str]) -> None:
    with pytest.raises(ImproperlyConfigured):
        RouteTable(operation("GET", route) for route in routes)
