"""What an upgrade can gain besides grants: more callers, runs in browsers, settings that are not secret."""

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
    ("old", "new", "gain"),
    [
        (
            manifest(function()),
            manifest(function(access="public")),
            "“purge” could be called by anyone, even without logging in (now: administrators).",
        ),
        (
            manifest(function(access="user")),
            manifest(function(access="public")),
            "“purge” could be called by anyone, even without logging in (now: anyone who is logged in).",
        ),
        (
            manifest(function(), function("list")),
            manifest(function(), function("list"), function("look", access="user")),
            "The new function “look” could be called by anyone who is logged in.",
        ),
        (
            manifest(function()),
            manifest(function(targets=["server", "browser"])),
            "“purge” could run in its caller's browser.",
        ),
        (
            manifest(function()),
            manifest(function(), function("look", targets=["browser"])),
            "The new function “look” could run in its caller's browser.",
        ),
        (
            manifest(function(sensitive=True)),
            manifest(function()),
            "The history would keep the input and output of “purge”.",
        ),
        (
            manifest(settings=SECRET),
            manifest(settings=OPEN),
            "The setting “key” would no longer be secret. Administrators, and browsers that run the plugin, "
            "could read it.",
        ),
    ],
)
def test_gain_is_described(old: PluginManifest, new: PluginManifest, gain: str) -> None:
    assert widens(new, old) == [gain]
    assert widens(old, new) == []  # the opposite change gains nothing


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
def test_no_gain_when_nothing_widens(old: PluginManifest, new: PluginManifest) -> None:
    assert widens(new, old) == []


def install(version: str, **members: Any) -> Release:
    return installation.install(read_zip(samples.zipped(version=version, **members)))


@pytest.fixture
def serving(transactional_db: None) -> Release:
    """The active release: one function, for administrators only."""
    release = install("1.0.0", functions=[function("fetch")])
    consent.activate(release, [])
    return release


def test_upgrade_for_more_callers_waits_and_says_so(serving: Release, charlie: User) -> None:
    install("1.1.0", functions=[function("fetch", access="public")])
    detail = API(charlie).get(URL).json()
    assert (detail["active_version"], detail["pending"]["version"]) == ("1.0.0", "1.1.0")
    (gain,) = detail["pending"]["widens"]
    assert gain.startswith("“fetch” could be called by anyone, even without logging in")
    assert API().post(f"{URL}/call/fetch", {"url": "http://x/"}).status_code == 401

    assert API(charlie).post(f"{URL}/releases/1.1.0/activate", {}).status_code == 200
    assert API().post(f"{URL}/call/fetch", {"url": "http://x/"}).status_code == 200
    assert API(charlie).get(URL).json()["pending"] is None


def test_upgrade_without_gain_activates_at_once(serving: Release) -> None:
    install("1.1.0", functions=[function("fetch"), function("fetch_many")])
    assert catalogue.get_plugin("hostcall").active.version == "1.1.0"


@pytest.mark.parametrize("version", ["0.9.0", "1.0.0-rc.1", "1.0.0+build", "1.1.0-rc.1", "2.0.0-0"])
def test_earlier_version_or_prerelease_does_not_take_over(
    serving: Release, charlie: User, tmp_path: Any, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "hostcall.zip"
    archive.write_bytes(samples.zipped(version=version, functions=[function("fetch")]))
    call_command("plugin", "install", str(archive))
    assert "1.0.0 stays active, because" in capsys.readouterr().out
    assert catalogue.get_plugin("hostcall").active.version == "1.0.0"
    later = version[0] != "0" and version != "1.0.0-rc.1"
    pending = API(charlie).get(URL).json()["pending"]
    assert (pending and pending["version"]) == (version if later else None)
    assert API(charlie).post(f"{URL}/releases/{version}/activate", {}).status_code == 200
    assert catalogue.get_plugin("hostcall").active.version == version


def test_versions_are_compared_as_numbers(serving: Release) -> None:
    for version in ("1.9.0", "1.10.0"):
        install(version, functions=[function("fetch")])
        assert catalogue.get_plugin("hostcall").active.version == version


def test_latest_version_waits_for_consent(serving: Release, charlie: User) -> None:
    for version in ("1.10.0", "1.9.0"):
        install(version, functions=[function("fetch", access="public")])
    assert API(charlie).get(URL).json()["pending"]["version"] == "1.10.0"
    assert [row["version"] for row in API(charlie).get(f"{URL}/releases").json()] == [
        "1.10.0",
        "1.9.0",
        "1.0.0",
    ]


def test_new_plugin_has_no_gains(transactional_db: None, charlie: User) -> None:
    install("1.0.0", functions=[function("fetch", access="public")])
    assert API(charlie).get(URL).json()["pending"]["widens"] == []


def test_command_line_shows_gains(
    serving: Release, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "hostcall.zip"
    archive.write_bytes(samples.zipped(version="1.1.0", functions=[function("fetch", access="user")]))
    call_command("plugin", "install", str(archive))
    assert "“fetch” could be called by anyone who is logged in" in capsys.readouterr().out
