"""Checks that the OpenAPI documents are valid, complete and in step with the code."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import validate

from core.operations import OPERATIONS

PUBLIC_OPERATIONS = {
    "get_setup", "create_owner", "sign_up", "log_in", "log_out", "get_session",
    "request_email_verification", "verify_email", "request_password_reset", "reset_password",
    "change_password",
    "list_plugins", "get_plugin", "change_plugin", "call_function", "list_executions", "get_execution",
    "cancel_execution", "replay_execution", "install_plugin", "remove_plugin", "get_server",
    "list_releases", "activate_release", "get_wasm", "watch_plugin", "unwatch_plugin",
    "start_browser_run", "finish_browser_run", "list_permissions",
    "list_tokens", "create_token", "delete_token",
    "get_account", "change_account", "delete_account", "list_sessions", "end_other_sessions", "end_session",
}  # fmt: skip


def document(path: str) -> dict[str, Any]:
    response = Client().get(path)
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def operations(path: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """By operationId: method, path and description."""
    return {
        described["operationId"]: (method.upper(), route, described)
        for route, methods in document(path)["paths"].items()
        for method, described in methods.items()
    }


@pytest.mark.parametrize("path", ["/api/schema/", "/api/schema/host/"])
def test_the_document_is_generated_once_for_all_requests(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Client().get(path)
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)
    for query in ("", "?lang=de", "?version=2", "?version=%0A"):
        again = Client().get(path + query)
        assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize("path", ["/api/schema/", "/api/schema/host/"])
def test_the_document_is_valid_openapi(path: str) -> None:
    validate(document(path))


def test_every_host_operation_is_described_under_its_own_name() -> None:
    described = operations("/api/schema/host/")
    assert set(described) == set(OPERATIONS)
    for name, operation in OPERATIONS.items():
        method, route, text = described[name]
        assert method == operation.method
        assert route == "/host/v1/" + re.sub(r"<\w+:", "{", operation.route).replace(">", "}")
        assert text["summary"] == operation.title
        assert str(operation.status) in text["responses"]


def test_the_public_document_names_every_operation() -> None:
    assert set(operations("/api/schema/")) == PUBLIC_OPERATIONS


def test_each_change_with_a_session_cookie_may_fail_the_csrf_check() -> None:
    missing = {
        name
        for name, (method, _, described) in operations("/api/schema/").items()
        if method != "GET" and any("cookie" in way for way in described["security"])
        if "403" not in described["responses"]
    }
    assert missing == set()


def test_the_two_apis_are_kept_apart() -> None:
    assert all(route.startswith("/api/v1/") for route in document("/api/schema/")["paths"])
    assert all(route.startswith("/host/v1/") for route in document("/api/schema/host/")["paths"])


def test_the_readable_pages_load_nothing_from_elsewhere() -> None:
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    assert b"http://" not in page.content
    assert b"https://" not in page.content
    assert "script-src 'self'" in page["Content-Security-Policy"]
