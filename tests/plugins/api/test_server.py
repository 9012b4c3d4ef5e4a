"""GET /api/v1/server: what administrators see of the server itself."""

from typing import Any

import pytest

from accounts.models import User
from plugins.runtime.sandbox_status import KEEPS_OUT, MISSING, describe
from plugins.runtime.service import get_pool
from tests.conftest import API, assert_problem

URL = "/api/v1/server"


def test_administrators_see_every_layer_as_workers_found_it(charlie: User, settings: Any) -> None:
    settings.PLUGIN_MAX_BUNDLE_BYTES = 12_345
    found = get_pool().layers(timeout_seconds=30)
    response = API(charlie).get(URL)
    assert response.status_code == 200
    told = response.json()
    assert told["max_bundle_bytes"] == 12_345
    assert told["workers"] == settings.PLUGIN_WORKERS
    assert [layer["name"] for layer in told["sandbox"]] == list(MISSING)
    for layer in told["sandbox"]:
        assert (layer["state"] == "off") == found[layer["name"]].startswith("off"), layer
        assert layer["keeps_out"]
        assert layer["if_missing"] == MISSING[layer["name"]]


def test_without_workers_nothing_is_said_of_layers(charlie: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_pool(), "layers", dict)
    assert API(charlie).get(URL).json()["sandbox"] == []


def test_others_are_refused(alice: User) -> None:
    assert_problem(API(alice).get(URL), 403, "forbidden")
    assert_problem(API().get(URL), 401, "not-authenticated")


def test_it_is_only_read(charlie: User) -> None:
    assert_problem(API(charlie).post(URL, {}), 405, "method-not-allowed")


def test_a_status_is_told_in_parts() -> None:
    told = {
        layer.name: (layer.state, layer.detail)
        for layer in describe({"user": "on", "landlock": "on, without TCP", "files": "off: not permitted"})
    }
    assert told["user"] == ("on", "")
    assert told["landlock"] == ("partial", "without TCP")
    assert told["files"] == ("off", "not permitted")
    assert told["network"] == ("off", "not reported")


def test_every_layer_says_what_it_keeps_out() -> None:
    assert set(KEEPS_OUT) == set(MISSING)
