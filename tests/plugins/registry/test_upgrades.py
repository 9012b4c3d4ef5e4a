"""What an upgrade would gain besides permissions: who may call, what runs in browsers, what is secret."""

from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from plugins.bundles.bundle import read_zip
from plugins.bundles.manifest import PluginManifest, load_manifest
from plugins.models import Release
from plugins.registry import catalogue, consent, installation
from plugins.registry.upgrades import widens
from tests.conftest import API
from tests.plugins.bundles import samples

URL = "/api/v1/plugins/hostcall"


def function(name: str = "purge", **members: Any) -> dict[str, Any]:
    return {"name": name, "title": name.title(), "access": "staff"} | members


def manifest(*functions: dict[str, Any], settings: dict[str, Any] | None = None) -> PluginManifest:
    return load_manifest(
        {
            "manifest_version": 1, "name": "x", "title": "X", "version": "1.0.0", "description": "",
            "license": "MIT", "wasm": {"path": "x.wasm", "sha256": "0"},
            "functions": list(functions or [function()]),
            "settings_schema": {"type": "object", "properties": settings or {}},
        }
    )  # fmt: skip


SECRET, OPEN = {"key": {"type": "string", "secret": True}}, {"key": {"type": "string"}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            manifest(function()),
            manifest(function(access="public")),
            "“purge” could be called by everybody, also without logging in; until now, by administrators.",
        ),
        (
            manifest(function(access="user")),
            manifest(function(access="public")),
            "“purge” could be called by everybody, also without logging in; until now, by everybody who is "
            "logged in.",
        ),
        (
            manifest(function(), function("list")),
            manifest(function(), function("list"), function("look", access="user")),
            "“look”, which is new, could be called by everybody who is logged in.",
        ),
        (
            manifest(function()),
            manifest(function(targets=["server", "browser"])),
            "“purge” could run in its caller's browser.",
        ),
        (
            manifest(function()),
            manifest(function(), function("look", targets=["browser"])),
            "“look”, which is new, could run in its caller's browser.",
        ),
        (
            manifest(function(sensitive=True)),
            manifest(function()),
            "What goes in and out of “purge” would be kept in the history.",
        ),
        (
            manifest(settings=SECRET),
            manifest(settings=OPEN),
            "The setting “key” would no longer be secret: administrators could read it, and browsers that "
            "run the plugin.",
        ),
    ],
)
def test_what_would_become_possible_is_told(old: PluginManifest, new: PluginManifest, said: str) -> None:
    assert widens(new, old) == [said]
    assert widens(old, new) == []  # to take it back gains nothing


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (manifest(function(access="user")), manifest(function(access="user"), function("look"))),
        (manifest(function(access="user")), manifest(function("look", access="user"))),
        (manifest(function(sensitive=True)), manifest(function("look", sensitive=False))),
        (manifest(settings=SECRET), manifest()),
        (manifest(settings=OPEN), manifest(settings=SECRET | {"more": {"type": "string"}})),
    ],
)
def test_what_was_possible_before_is_no_gain(old: PluginManifest, new: PluginManifest) -> None:
    assert widens(new, old) == []


def install(version: str, **members: Any) -> Release:
    return installation.install(read_zip(samples.zipped(version=version, **members)))


@pytest.fixture
def serving(transactional_db: None) -> Release:
    """The fixture as it is, with one function for administrators alone."""
    release = install("1.0.0", functions=[function("fetch")])
    consent.activate(release, [])
    return release


def test_an_upgrade_that_more_people_could_call_waits_and_says_so(serving: Release, charlie: User) -> None:
    install("1.1.0", functions=[function("fetch", access="public")])
    detail = API(charlie).get(URL).json()
    assert (detail["active_version"], detail["pending"]["version"]) == ("1.0.0", "1.1.0")
    (said,) = detail["pending"]["widens"]
    assert said.startswith("“fetch” could be called by everybody, also without logging in")
    assert API().post(f"{URL}/call/fetch", {"url": "http://x/"}).status_code == 401

    assert API(charlie).post(f"{URL}/releases/1.1.0/activate", {}).status_code == 200
    assert API().post(f"{URL}/call/fetch", {"url": "http://x/"}).status_code == 200
    assert API(charlie).get(URL).json()["pending"] is None


def test_an_upgrade_that_gains_nothing_serves_at_once(serving: Release) -> None:
    install("1.1.0", functions=[function("fetch"), function("fetch_many")])
    assert catalogue.get_plugin("hostcall").active.version == "1.1.0"


def test_a_new_plugin_gains_nothing_over_another(transactional_db: None, charlie: User) -> None:
    install("1.0.0", functions=[function("fetch", access="public")])
    assert API(charlie).get(URL).json()["pending"]["widens"] == []


def test_the_command_line_tells_it(
    serving: Release, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "hostcall.zip"
    archive.write_bytes(samples.zipped(version="1.1.0", functions=[function("fetch", access="user")]))
    call_command("plugin", "install", str(archive))
    assert "besides: “fetch” could be called by everybody who is logged in" in capsys.readouterr().out
