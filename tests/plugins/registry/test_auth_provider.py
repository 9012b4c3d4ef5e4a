"""The plugin that people log in with cannot be stopped from within the app."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from plugins.bundles.bundle import read_zip
from plugins.models import Plugin, Release
from plugins.registry import catalogue, configuration, consent, installation
from tests.conftest import API, ROOT, assert_problem
from tests.plugins.bundles import samples

URL = "/api/v1/plugins/auth"
AUTH = json.loads((ROOT / "wasm-plugins" / "auth" / "plugin.json").read_text())


def newer_release(**members: Any) -> Release:
    """A release of `auth` that is stored and not active."""
    active = catalogue.get_plugin("auth").active
    return Release.objects.create(
        plugin=active.plugin,
        version="9.0.0",
        manifest_data=AUTH | {"version": "9.0.0"} | members,
        sha256=active.sha256,
        size_bytes=1,
    )


def granted() -> frozenset[str]:
    return catalogue.get_plugin("auth").granted


@pytest.mark.parametrize(
    "body",
    [
        {"enabled": False},
        {"grants": []},
        {"grants": ["read_password_hash"]},
        {"grants": [name["operation"] for name in AUTH["permissions"] if name["operation"] != "send_email"]},
        {"settings": {"session_ttl_seconds": 60}, "enabled": False},
    ],
)
def test_change_that_would_stop_it_is_refused(
    bundled: dict[str, Plugin], charlie: User, body: dict[str, Any]
) -> None:
    before = granted()
    problem = assert_problem(API(charlie).request("PATCH", URL, body), 409, "auth-provider-needed")
    assert "Nobody could log in" in problem["detail"]
    plugin = catalogue.get_plugin("auth")
    assert (plugin.enabled, plugin.granted, plugin.settings) == (True, before, {})


def test_optional_permission_can_be_granted_and_revoked(bundled: dict[str, Plugin], charlie: User) -> None:
    required = sorted(granted())
    for grants in ([*required, "read_password_hash"], required):
        assert API(charlie).request("PATCH", URL, {"grants": grants}).status_code == 200
        assert granted() == set(grants)


def test_damaged_grants_can_be_repaired_step_by_step(bundled: dict[str, Plugin]) -> None:
    bundled["auth"].grants.all().delete()
    consent.grant(bundled["auth"], ["db_create_user"])
    consent.grant(bundled["auth"], ["verify_password"])
    assert granted() == {"db_create_user", "verify_password"}


def test_release_is_not_activated_without_what_it_needs(bundled: dict[str, Plugin], charlie: User) -> None:
    before, version = granted(), catalogue.get_plugin("auth").active.version
    newer_release(permissions=[*AUTH["permissions"], {"operation": "kv_get", "reason": "x"}])
    url = f"{URL}/releases/9.0.0/activate"
    for body in ({}, {"grants": []}, {"grants": ["kv_get"]}):
        problem = assert_problem(API(charlie).post(url, body), 409, "auth-provider-needed")
    assert "Grant these too" in problem["detail"]
    plugin = catalogue.get_plugin("auth")
    assert (plugin.active.version, plugin.granted) == (version, before)
    assert API(charlie).post(url, {"grants": [*before, "kv_get"]}).status_code == 200


@pytest.mark.parametrize(
    "functions",
    [
        AUTH["functions"][1:],
        [AUTH["functions"][0] | {"access": "staff"}, *AUTH["functions"][1:]],
    ],
)
def test_release_without_the_functions_of_a_provider_is_not_activated(
    bundled: dict[str, Plugin], charlie: User, functions: Any
) -> None:
    newer_release(functions=functions)
    problem = assert_problem(
        API(charlie).post(f"{URL}/releases/9.0.0/activate", {}), 409, "auth-provider-needed"
    )
    assert "signup" in problem["detail"]


def test_upload_without_the_functions_of_a_provider_does_not_take_over(
    transactional_db: None, settings: Any
) -> None:
    consent.activate(installation.install(read_zip(samples.zipped(version="1.0.0"))), [])
    settings.AUTH_PLUGIN = "hostcall"
    installation.install(read_zip(samples.zipped(version="1.1.0")))
    assert catalogue.get_plugin("hostcall").active.version == "1.0.0"


@pytest.mark.parametrize(
    "command", [["disable", "auth"], ["revoke", "auth", "verify_password"], ["remove", "auth"]]
)
def test_command_line_refuses_too(bundled: dict[str, Plugin], command: list[str]) -> None:
    before = granted()
    with pytest.raises(CommandError, match=r"log in with"):
        call_command("plugin", *command)
    plugin = catalogue.get_plugin("auth")
    assert (plugin.enabled, plugin.granted) == (True, before)


def test_other_plugin_can_be_disabled(bundled: dict[str, Plugin]) -> None:
    configuration.set_enabled(bundled["template"], False)
    assert catalogue.get_plugin("template").state == "disabled"
