"""GET /api/v1/server: the sandbox and limits of the server, for administrators."""

from typing import Any

import pytest

from accounts.models import User
from plugins.runtime.current_engine import get_pool
from plugins.runtime.sandbox_status import KEEPS_OUT, MISSING, describe
from tests.conftest import API, assert_problem

URL = "/api/v1/server"


def test_administrators_see_sandbox_layers(charlie: User, settings: Any) -> None:
    settings.PLUGIN_MAX_BUNDLE_BYTES = 12_345
    found = get_pool().layers(timeout_seconds=30)
    response = API(charlie).get(URL)
    assert response.status_code == 200
    body = response.json()
    assert body["max_bundle_bytes"] == 12_345
    assert body["workers"] == settings.PLUGIN_WORKERS
    assert [layer["name"] for layer in body["sandbox"]] == list(MISSING)
    for layer in body["sandbox"]:
        assert (layer["state"] == "off") == found[layer["name"]].startswith("off"), layer
        assert layer["keeps_out"]
        assert layer["if_missing"] == MISSING[layer["name"]]


def test_layers_are_empty_without_workers(charlie: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_pool(), "layers", dict)
    assert API(charlie).get(URL).json()["sandbox"] == []


def test_only_administrators_can_see_the_server(alice: User) -> None:
    assert_problem(API(alice).get(URL), 403, "forbidden")
    assert_problem(API().get(URL), 401, "not-authenticated")


def test_server_is_read_only(charlie: User) -> None:
    assert_problem(API(charlie).post(URL, {}), 405, "method-not-allowed")


def test_layer_status_is_split_into_state_and_detail() -> None:
    layers = {
        layer.name: (layer.state, layer.detail)
        for layer in describe({"user": "on", "landlock": "on, without TCP", "files": "off: not permitted"})
    }
    assert layers["user"] == ("on", "")
    assert layers["landlock"] == ("partial", "without TCP")
    assert layers["files"] == ("off", "not permitted")
    assert layers["network"] == ("off", "not reported")


def test_every_layer_says_what_it_keeps_out() -> None:
    assert set(KEEPS_OUT) == set(MISSING)
