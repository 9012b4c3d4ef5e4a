"""/api/v1/plugins and /api/v1/plugins/{slug}/call/{function}."""

from typing import Any

import pytest

from accounts.models import User
from plugins.models import Plugin
from plugins.registry import catalogue, configuration
from tests.conftest import API, assert_problem, history

GREET = "/api/v1/plugins/template/call/greet"


def test_list_shows_installed_plugins(bundled: dict[str, Plugin], alice: User) -> None:
    body = API(alice).get("/api/v1/plugins").json()
    assert [plugin["slug"] for plugin in body["results"]] == ["auth", "convert", "template"]
    assert body["count"] == 3
    greet = body["results"][2]["functions"][0]
    assert greet == {"name": "greet", "title": "Greet", "access": "user", "targets": ["server", "browser"]}


def test_list_can_be_searched_and_paged(bundled: dict[str, Plugin], alice: User) -> None:
    client = API(alice)
    found = client.get("/api/v1/plugins?search=TEMP").json()
    assert [plugin["slug"] for plugin in found["results"]] == ["template"]
    first = client.get("/api/v1/plugins?page_size=1").json()
    assert len(first["results"]) == 1
    assert first["next"].endswith("page=2&page_size=1")
    assert_problem(client.get("/api/v1/plugins?page=99"), 404, "not-found")


def test_details_show_permissions_and_reasons(bundled: dict[str, Plugin], alice: User) -> None:
    body = API(alice).get("/api/v1/plugins/auth").json()
    permissions = {permission["operation"]: permission for permission in body["permissions"]}
    assert permissions["db_create_user"]["granted"]
    assert permissions["db_create_user"]["reason"]
    assert not permissions["read_password_hash"]["granted"], "a bundled plugin gets no optional permissions"
    assert permissions["read_password_hash"]["risk"] == "highest"
    assert body["limits"]["memory_mb"] == 64


def test_details_show_largest_input(bundled: dict[str, Plugin], alice: User, settings: Any) -> None:
    def largest_inputs() -> set[int]:
        functions = API(alice).get("/api/v1/plugins/convert").json()["functions"]
        return {function["max_input_bytes"] for function in functions}

    assert largest_inputs() == {16 << 20}
    settings.PLUGIN_MAX_INPUT_BYTES = 5000
    assert largest_inputs() == {5000}


@pytest.mark.parametrize("path", ["/api/v1/plugins", "/api/v1/plugins/template", "/api/v1/executions"])
def test_reading_needs_a_login(bundled: dict[str, Plugin], path: str) -> None:
    assert_problem(API().get(path), 401, "not-authenticated")


def test_unknown_plugin_or_function_is_not_found(bundled: dict[str, Plugin], alice: User) -> None:
    client = API(alice)
    assert_problem(client.get("/api/v1/plugins/nothing"), 404, "not-found")
    assert_problem(client.post("/api/v1/plugins/nothing/call/greet", {}), 404, "not-found")
    assert_problem(client.post("/api/v1/plugins/template/call/nothing", {}), 404, "not-found")
    assert not history().exists()


def test_greet_returns_greeting(bundled: dict[str, Plugin], alice: User) -> None:
    response = API(alice).post(GREET, {"name": "Ada"})
    assert response.json() == {"message": "Hello, Ada!"}
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        ("repeat", {"text": "åé", "times": 3}, "åéåéåé"),
        ("greet", {"name": "Zoë 🎉"}, "Zoë 🎉"),
        ("get_info", {}, "template"),
        ("validate", {"email": "not an e-mail", "age": -1}, "/email"),
    ],
)
def test_template_functions_return_output(
    bundled: dict[str, Plugin], alice: User, function: str, given: Any, expected: str
) -> None:
    response = API(alice).post(f"/api/v1/plugins/template/call/{function}", given)
    assert response.status_code == 200
    assert expected in response.content.decode()


@pytest.mark.parametrize(
    "given", [b"", b"{", b"[]", b"\xff", {"name": ""}, {"name": 7}, {"nom": "x"}, {"name": "x" * 5000}]
)
def test_template_refuses_bad_input(bundled: dict[str, Plugin], alice: User, given: Any) -> None:
    response = API(alice).post(GREET, given)
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"


def test_user_function_needs_a_login(bundled: dict[str, Plugin]) -> None:
    assert_problem(API().post(GREET, {"name": "x"}), 401, "not-authenticated")
    assert not history().exists()


def test_staff_function_is_refused_to_others(bundled: dict[str, Plugin], alice: User, charlie: User) -> None:
    release = catalogue.get_plugin("template").active
    release.manifest_data["functions"][0]["access"] = "staff"
    release.save()
    assert_problem(API(alice).post(GREET, {"name": "x"}), 403, "forbidden")
    assert API(charlie).post(GREET, {"name": "x"}).status_code == 200


def test_disabled_plugin_cannot_be_called(bundled: dict[str, Plugin], charlie: User) -> None:
    configuration.set_enabled(bundled["template"], False)
    assert_problem(API(charlie).post(GREET, {"name": "x"}), 409, "plugin-disabled")
    configuration.set_enabled(bundled["template"], True)
    assert API(charlie).post(GREET, {"name": "x"}).status_code == 200


def test_oversized_input_is_refused(bundled: dict[str, Plugin], alice: User, settings: Any) -> None:
    settings.PLUGIN_MAX_INPUT_BYTES = 1000
    assert_problem(API(alice).post(GREET, b"x" * 1001), 413, "payload-too-large")
    assert not history().exists()


def test_get_does_not_call_the_function(bundled: dict[str, Plugin], alice: User) -> None:
    assert_problem(API(alice).get(GREET), 405, "method-not-allowed")


def test_output_is_never_rendered_as_html(bundled: dict[str, Plugin], alice: User) -> None:
    response = API(alice).post(GREET, {"name": "<script>alert(1)</script>"})
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Type"] == "application/json"
    assert "default-src 'none'" in response["Content-Security-Policy"]
