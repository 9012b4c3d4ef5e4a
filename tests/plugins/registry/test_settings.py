"""Settings of a plugin: required ones, secrets, clearing, and what an upgrade does with them."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from plugins.bundles.bundle import read_zip
from plugins.models import Release
from plugins.registry import catalogue, consent, installation
from tests.conftest import API, assert_problem
from tests.plugins.bundles import samples

URL = "/api/v1/plugins/hostcall"
SCHEMA = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "secret": True},
        "place": {"type": "string", "default": "Paris"},
        "days": {"type": "integer"},
    },
    "required": ["key", "place"],
}
SET = {"is_set": True}


def install(version: str = "1.0.0", schema: dict[str, Any] = SCHEMA) -> Release:
    return installation.install(read_zip(samples.zipped(version=version, settings_schema=schema)))


@pytest.fixture
def client(transactional_db: None, charlie: User) -> API:
    """An administrator, with the plugin active and its required secret not set."""
    consent.activate(install(), [])
    return API(charlie)


def change(client: API, settings: dict[str, Any]) -> Any:
    return client.request("PATCH", URL, {"settings": settings})


def stored() -> dict[str, Any]:
    values: dict[str, Any] = catalogue.get_plugin("hostcall").settings
    return values


def call(client: API) -> Any:
    asked = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}
    return client.post(f"{URL}/call/fetch", asked)


def test_plugin_is_not_ready_until_required_settings_are_set(client: API) -> None:
    assert client.get(URL).json()["missing_settings"] == ["key"]
    assert "key" in assert_problem(call(client), 409, "plugin-not-configured")["detail"]
    assert change(client, {"key": "s3cret"}).json()["missing_settings"] == []
    assert call(client).status_code == 200


def test_activation_takes_settings_and_names_missing_ones(transactional_db: None, charlie: User) -> None:
    install()
    client, url = API(charlie), f"{URL}/releases/1.0.0/activate"
    assert client.post(url, {}).json()["missing_settings"] == ["key"]
    assert_problem(client.post(url, {"settings": {"key": 1}}), 400, "invalid-settings")
    assert client.post(url, {"settings": {"key": "s3cret"}}).json()["missing_settings"] == []
    assert call(client).status_code == 200


def test_command_line_activation_fails_and_names_missing_settings(transactional_db: None) -> None:
    install()
    with pytest.raises(CommandError, match=r"cannot serve\. Set key\."):
        call_command("plugin", "activate", "hostcall", "1.0.0")


@pytest.mark.parametrize("value", [None, "", SET])
def test_required_secret_that_is_not_set_is_refused(client: API, value: object) -> None:
    for settings in ({"key": value}, {}):
        problem = assert_problem(change(client, settings), 400, "invalid-settings")
        assert problem["errors"] == [{"pointer": "/settings/key", "detail": "This setting is required."}]
    assert stored() == {}


def test_null_and_empty_text_clear_a_secret(client: API) -> None:
    optional = SCHEMA | {"required": []}
    consent.activate(install("1.0.1", optional), [])
    for cleared in (None, ""):
        change(client, {"key": "s3cret"})
        assert stored() == {"key": "s3cret"}
        assert change(client, {"key": cleared}).json()["settings"] == {}
        assert stored() == {}


def test_null_clears_a_setting_so_that_its_default_holds(client: API) -> None:
    change(client, {"key": "s3cret", "place": "Rome", "days": 3})
    assert change(client, {"place": None, "days": None}).status_code == 200
    assert stored() == {"key": "s3cret"}


def test_settings_that_were_read_can_be_written(client: API) -> None:
    change(client, {"key": "s3cret", "days": 3})
    shown = client.get(URL).json()["settings"]
    assert shown == {"key": SET, "days": 3}
    assert change(client, shown).json()["settings"] == shown
    assert stored() == {"key": "s3cret", "days": 3}


def test_settings_of_an_earlier_release_are_not_shown(client: API) -> None:
    change(client, {"key": "s3cret", "days": 3})
    properties = {name: schema for name, schema in SCHEMA["properties"].items() if name != "days"}  # type: ignore[attr-defined]
    consent.activate(install("2.0.0", SCHEMA | {"properties": properties}), [])
    shown = client.get(URL).json()["settings"]
    assert shown == {"key": SET}
    assert change(client, shown).status_code == 200


@pytest.mark.parametrize(
    ("name", "schema", "takes_over"),
    [
        ("days", {"type": "string"}, False),
        ("region", {"type": "string"}, False),
        ("region", {"type": "string", "default": "eu"}, True),
    ],
)
def test_upgrade_takes_over_only_if_settings_satisfy_it(
    client: API, name: str, schema: dict[str, Any], takes_over: bool
) -> None:
    change(client, {"key": "s3cret", "days": 3})
    properties: Any = SCHEMA["properties"]
    install("1.1.0", SCHEMA | {"properties": properties | {name: schema}, "required": ["key", name]})
    assert catalogue.get_plugin("hostcall").active.version == ("1.1.0" if takes_over else "1.0.0")
