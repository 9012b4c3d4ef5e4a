"""Consent: which releases wait for it, what it grants, and that upgrades gain nothing without it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from core.operations import PERMISSIONS
from core.problems import InvalidInput, NotFound
from plugins.bundles.bundle import read_folder
from plugins.models import Grant, Plugin, Release
from plugins.registry import catalogue, configuration, consent, installation
from tests.conftest import API, ROOT, assert_problem

HOSTCALL = ROOT / "wasm-plugins" / "fixtures" / "hostcall"
URL = "/api/v1/plugins/hostcall"
Build = Callable[..., Release]


@pytest.fixture
def build(transactional_db: None, tmp_path: Path) -> Build:
    """Installs a release of `hostcall` that asks for exactly these permissions."""

    def build(version: str, *permissions: str, network: list[dict[str, Any]] | None = None) -> Release:
        folder = tmp_path / version
        shutil.copytree(HOSTCALL, folder, ignore=shutil.ignore_patterns("src", "Cargo.toml"))
        manifest = json.loads((folder / "plugin.json").read_text())
        manifest["version"] = version
        manifest["permissions"] = [{"operation": name, "reason": f"for {name}"} for name in permissions]
        manifest["network"] = network or []
        (folder / "plugin.json").write_text(json.dumps(manifest))
        return installation.install(read_folder(folder))

    return build


def active_version(slug: str = "hostcall") -> str | None:
    release = catalogue.get_plugin(slug).release
    return release.version if release else None


def test_new_plugin_waits_for_consent_and_cannot_be_called(build: Build, charlie: User) -> None:
    build("1.0.0", "db_get_user_by_uuid")
    client = API(charlie)
    detail = client.get(URL).json()
    assert (detail["state"], detail["active_version"], detail["version"]) == ("waiting", None, "1.0.0")
    assert detail["pending"]["version"] == "1.0.0"
    (permission,) = detail["pending"]["permissions"]
    assert permission["new"]
    assert permission["reason"] == "for db_get_user_by_uuid"
    assert permission["meaning"] == PERMISSIONS["db_get_user_by_uuid"].meaning
    assert not permission["granted"]
    assert_problem(client.post(f"{URL}/call/fetch", {}), 409, "plugin-waiting")
    assert not Grant.objects.exists()


def test_consent_activates_release_with_chosen_grants(build: Build, charlie: User) -> None:
    build("1.0.0", "db_get_user_by_uuid", "db_delete_user")
    answer = API(charlie).post(f"{URL}/releases/1.0.0/activate", {"grants": ["db_get_user_by_uuid"]})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["pending"]) == ("enabled", None)
    granted = {row["operation"]: row["granted"] for row in answer.json()["permissions"]}
    assert granted == {"db_get_user_by_uuid": True, "db_delete_user": False}
    assert Grant.objects.get().granted_by == charlie


def test_only_administrators_can_consent_or_change_plugins(build: Build, alice: User) -> None:
    build("1.0.0", "db_get_user_by_uuid")
    for client, status, code in ((API(), 401, "not-authenticated"), (API(alice), 403, "forbidden")):
        assert_problem(client.post(f"{URL}/releases/1.0.0/activate", {"grants": []}), status, code)
        assert_problem(client.request("PATCH", URL, {"enabled": False}), status, code)
    assert active_version() is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/releases/1.0.0/activate", {"grants": ["db_delete_user"]}, 400),
        ("/releases/1.0.0/activate", {"grants": ["no_such_thing"]}, 400),
        ("/releases/1.0.0/activate", {"grants": "db_get_user_by_uuid"}, 400),
        ("/releases/1.0.0/activate", {"grants": [], "x": 1}, 400),
        ("/releases/9.9.9/activate", {"grants": []}, 404),
    ],
)
def test_invalid_consent_changes_nothing(
    build: Build, charlie: User, path: str, body: Any, status: int
) -> None:
    build("1.0.0", "db_get_user_by_uuid")
    assert API(charlie).post(URL + path, body).status_code == status
    assert active_version() is None
    assert not Grant.objects.exists()


def test_upgrade_asking_for_more_waits_while_old_release_stays_active(build: Build, charlie: User) -> None:
    consent.activate(build("1.0.0", "db_get_user_by_uuid"), ["db_get_user_by_uuid"])
    build("1.1.0", "db_get_user_by_uuid", "db_delete_user")
    assert active_version() == "1.0.0"
    detail = API(charlie).get(URL).json()
    assert (detail["version"], detail["active_version"]) == ("1.0.0", "1.0.0")
    assert {row["operation"]: row["new"] for row in detail["pending"]["permissions"]} == {
        "db_get_user_by_uuid": False,
        "db_delete_user": True,
    }
    assert catalogue.get_plugin("hostcall").granted == {"db_get_user_by_uuid"}


def test_upgrade_asking_for_new_address_waits(build: Build, charlie: User) -> None:
    consent.activate(build("1.0.0"), [])
    build("1.1.0", network=[{"url": "https://example.com/", "reason": "x"}])
    assert active_version() == "1.0.0"
    shown = API(charlie).get(URL).json()
    assert shown["network"] == []
    (rule,) = shown["pending"]["network"]
    assert rule == {
        "url": "https://example.com/", "methods": ["GET"], "reason": "x",
        "optional": False, "granted": False, "new": True,
    }  # fmt: skip
    assert API(charlie).get("/api/v1/plugins").json()["results"][0]["pending_version"] == "1.1.0"


def test_upgrade_asking_for_no_more_activates_with_same_grants(build: Build) -> None:
    consent.activate(build("1.0.0", "db_get_user_by_uuid", "kv_get"), ["db_get_user_by_uuid"])
    build("1.1.0", "db_get_user_by_uuid", "kv_get")
    assert active_version() == "1.1.0"
    assert catalogue.get_plugin("hostcall").granted == {"db_get_user_by_uuid"}


def test_upgrade_asking_for_less_drops_unrequested_grants(build: Build) -> None:
    consent.activate(build("1.0.0", "db_get_user_by_uuid", "kv_get"), ["db_get_user_by_uuid", "kv_get"])
    build("1.1.0", "kv_get")
    assert (active_version(), catalogue.get_plugin("hostcall").granted) == ("1.1.0", {"kv_get"})


def test_earlier_release_can_be_activated_again(build: Build, charlie: User) -> None:
    consent.activate(build("1.0.0", "kv_get"), ["kv_get"])
    consent.activate(build("1.1.0", "kv_get", "kv_set"), ["kv_get", "kv_set"])
    client = API(charlie)
    states = {row["version"]: row["state"] for row in client.get(f"{URL}/releases").json()}
    assert states == {"1.1.0": "active", "1.0.0": "previous"}
    assert client.post(f"{URL}/releases/1.0.0/activate", {}).status_code == 200
    assert (active_version(), catalogue.get_plugin("hostcall").granted) == ("1.0.0", {"kv_get"})
    assert client.get(URL).json()["pending"] is None


def test_grants_survive_release_that_does_not_ask_for_them(build: Build, charlie: User) -> None:
    rule = {"url": "https://a.example/", "reason": "x"}
    key = ("https://a.example/", ("GET",))
    consent.activate(build("1.0.0", "kv_get", "kv_set", network=[rule]), ["kv_get", "kv_set"], [key])
    build("1.1.0", "kv_get")
    assert active_version() == "1.1.0"
    assert catalogue.get_plugin("hostcall").granted == {"kv_get"}, "others have no effect meanwhile"
    assert not catalogue.get_plugin("hostcall").network_granted
    API(charlie).request("PATCH", URL, {"grants": ["kv_get"], "network_grants": []})

    assert API(charlie).post(f"{URL}/releases/1.0.0/activate", {}).status_code == 200
    plugin = catalogue.get_plugin("hostcall")
    assert (plugin.granted, plugin.network_granted) == ({"kv_get", "kv_set"}, {key})
    assert Grant.objects.filter(granted_by=None).count() == 2, "the rows are the same ones"


def test_held_grant_does_not_let_upgrade_skip_consent(build: Build) -> None:
    consent.activate(build("1.0.0", "kv_get", "kv_set"), ["kv_get", "kv_set"])
    build("1.1.0", "kv_get")
    build("1.2.0", "kv_get", "kv_set")
    assert active_version() == "1.1.0"


def test_revoked_grant_does_not_come_back(build: Build) -> None:
    consent.activate(build("1.0.0", "kv_get", "kv_set"), ["kv_get", "kv_set"])
    consent.activate(build("1.1.0", "kv_get"))
    consent.revoke(catalogue.get_plugin("hostcall"), ["kv_set"])
    consent.activate(catalogue.get_release("hostcall", "1.0.0"))
    assert catalogue.get_plugin("hostcall").granted == {"kv_get"}


def test_roll_back_on_command_line_keeps_grants_and_says_so(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    consent.activate(build("1.0.0", "kv_get", "kv_set"), ["kv_get", "kv_set"])
    consent.activate(build("1.1.0", "kv_get", "kv_set", "kv_list"), ["kv_get", "kv_set", "kv_list"])
    call_command("plugin", "activate", "hostcall", "1.0.0")
    assert catalogue.get_plugin("hostcall").granted == {"kv_get", "kv_set"}
    assert capsys.readouterr().out.splitlines() == [
        "Activated hostcall 1.0.0 in place of 1.1.0.",
        "  granted: kv_get, kv_set",
        "  new: nothing",
        "  missing: nothing",
        "  not granted, optional: nothing",
    ]


def test_command_line_fails_when_plugin_cannot_serve(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    build("1.0.0", "kv_get", "kv_set", network=[{"url": "https://a.example/", "reason": "x"}])
    with pytest.raises(CommandError, match=r"cannot serve\. Grant kv_set, GET https://a\.example/\."):
        call_command("plugin", "activate", "hostcall", "1.0.0", "--grant", "kv_get")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  granted: kv_get",
        "  new: kv_get",
        "  missing: kv_set, GET https://a.example/",
        "  not granted, optional: nothing",
    ]
    configuration.set_enabled(catalogue.get_plugin("hostcall"), False)
    with pytest.raises(CommandError, match="It is disabled"):
        call_command("plugin", "activate", "hostcall", "1.0.0")


def test_installing_with_addresses_on_command_line_keeps_grants(build: Build, tmp_path: Path) -> None:
    rule = {"url": "https://a.example/", "reason": "x"}
    consent.activate(build("1.0.0", "kv_get"), ["kv_get"])
    build("1.1.0", "kv_get", network=[rule])
    call_command("plugin", "install", str(tmp_path / "1.1.0"), "--network", rule["url"])
    assert (active_version(), catalogue.get_plugin("hostcall").granted) == ("1.1.0", {"kv_get"})


def test_same_version_with_other_content_is_refused(build: Build, tmp_path: Path) -> None:
    build("1.0.0", "kv_get")
    shutil.rmtree(tmp_path / "1.0.0")
    with pytest.raises(installation.ReleaseConflict):
        build("1.0.0", "kv_set")


def test_changed_grants_apply_to_next_call(
    install: Callable[..., Plugin], charlie: User, alice: User
) -> None:
    install("hostcall")
    client = API(charlie)
    asked = {"method": "GET", "url": f"http://hostbridge.invalid/host/v1/users/{alice.pk}", "headers": {}}

    def status() -> int:
        return int(json.loads(client.post(f"{URL}/call/fetch", asked).content)["status"])

    assert status() == 403
    client.request("PATCH", URL, {"grants": ["db_get_user_by_uuid"]})
    assert status() == 200
    client.request("PATCH", URL, {"grants": []})
    assert status() == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"grants": ["no_such"]}, "/grants"),
        ({"enabled": "yes"}, "/enabled"),
        ({"settings": {"hashing": "nowhere"}}, "/settings/hashing"),
        ({"settings": {"session_ttl_seconds": 120.0}}, "/settings/session_ttl_seconds"),
        ({"settings": {"session_ttl_seconds": True}}, "/settings/session_ttl_seconds"),
        ({"settings": {"session_ttl_seconds": 10**400}}, "/settings/session_ttl_seconds"),
        ({"settings": {"unknown": 1}}, "/settings/unknown"),
        ({"settings": []}, "/settings"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_invalid_change_is_refused_as_a_whole(
    bundled: dict[str, Plugin], charlie: User, body: dict[str, Any], pointer: str
) -> None:
    before = catalogue.get_plugin("auth").granted
    problem = API(charlie).request("PATCH", "/api/v1/plugins/auth", {"enabled": False} | body)
    assert problem.status_code == 400
    assert problem.json()["errors"][0]["pointer"] == pointer
    plugin = catalogue.get_plugin("auth")
    assert plugin.enabled
    assert plugin.granted == before


def give_template_a_secret() -> None:
    release = catalogue.get_plugin("template").active
    release.manifest_data["settings_schema"] = {
        "type": "object",
        "properties": {"key": {"type": "string", "secret": True}, "colour": {"type": "string"}},
    }
    release.save()


def test_secret_settings_can_be_written_but_never_read(
    bundled: dict[str, Plugin], charlie: User, alice: User
) -> None:
    give_template_a_secret()
    client = API(charlie)
    url = "/api/v1/plugins/template"
    client.request("PATCH", url, {"settings": {"key": "s3cret", "colour": "red"}})
    shown = client.get(url)
    assert shown.json()["settings"] == {"key": {"is_set": True}, "colour": "red"}
    assert "s3cret" not in shown.content.decode()
    client.request("PATCH", url, {"settings": {"colour": "blue"}})
    assert catalogue.get_plugin("template").settings == {"key": "s3cret", "colour": "blue"}
    assert API(alice).get(url).json()["settings"] is None
    run = API(alice).post(f"{url}/browser-runs", {"function": "greet"})
    assert run.json()["config"] == {"colour": "blue"}


def test_concurrent_settings_change_keeps_replaced_secret(bundled: dict[str, Plugin]) -> None:
    """Two administrators have the page open, and the second saves without having seen the first change."""
    give_template_a_secret()
    first, second = catalogue.get_plugin("template"), catalogue.get_plugin("template")
    configuration.set_settings(first, {"key": "new"})
    configuration.set_settings(second, {"colour": "blue"})
    assert catalogue.get_plugin("template").settings == {"key": "new", "colour": "blue"}


def test_grants_are_checked_against_current_active_release(bundled: dict[str, Plugin]) -> None:
    plugin = catalogue.get_plugin("auth")
    release = catalogue.get_release("auth", plugin.active.version)
    small = release.manifest_data | {"version": "1.0.1", "permissions": []}
    newer = Release.objects.create(
        plugin=plugin, version="1.0.1", manifest_data=small, sha256=release.sha256, size_bytes=1
    )
    assert "db_create_user" in plugin.active.asks_for
    consent.activate(newer, [])
    with pytest.raises(InvalidInput):
        consent.set_grants(plugin, ["db_create_user"])
    assert catalogue.get_plugin("auth").granted == frozenset()


def test_changing_removed_plugin_raises_not_found(install: Callable[..., Plugin]) -> None:
    plugin = install("small")
    installation.remove(catalogue.get_plugin("small"))
    with pytest.raises(NotFound):
        configuration.set_enabled(plugin, False)


def test_reinstalling_bundled_plugins_keeps_revoked_grants(bundled: dict[str, Plugin]) -> None:
    Grant.objects.filter(permission="verify_password").delete()
    installation.install_bundled()
    assert "verify_password" not in catalogue.get_plugin("auth").granted


def test_command_line_shows_requested_permissions(
    transactional_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("plugin", "install", str(HOSTCALL))
    output = capsys.readouterr().out
    assert "waits for consent" in output
    assert "db_delete_user (risk: highest" in output
    call_command("plugin", "activate", "hostcall", "1.0.0", "--grant", "kv_get")
    call_command("plugin", "list")
    assert "hostcall 1.0.0 enabled granted: kv_get" in capsys.readouterr().out
    call_command("plugin", "disable", "hostcall")
    assert not catalogue.get_plugin("hostcall").enabled


def test_every_user_can_list_permissions(alice: User) -> None:
    rows = API(alice).get("/api/v1/permissions").json()
    assert {row["operation"]: row["risk"] for row in rows} == {p.name: p.risk for p in PERMISSIONS.values()}
    highest = {row["operation"] for row in rows if row["risk"] == "highest"}
    assert {"read_password_hash", "db_delete_user"} <= highest
