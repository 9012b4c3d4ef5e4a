"""Plugins in the Django admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from core.events import EVERYONE_GROUP
from plugins.models import Grant, Plugin
from plugins.runtime.current_engine import get_pool
from plugins.runtime.sandbox_status import MISSING
from tests.conftest import API, Listen, history


@pytest.fixture
def admin(charlie: User) -> Client:
    client = Client()
    client.force_login(charlie)
    return client


@pytest.mark.parametrize("model", ["plugin", "execution", "hostcall"])
def test_lists_can_be_searched(bundled: dict[str, Plugin], admin: Client, model: str) -> None:
    API().post("/api/v1/auth/login", {"email": "nobody@example.com", "password": "x"})
    page = admin.get(f"/admin/plugins/{model}/?q=auth")
    assert page.status_code == 200
    assert b"auth" in page.content or model == "hostcall"


def test_plugin_list_shows_sandbox_status(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def page(layers: dict[str, str]) -> str:
        monkeypatch.setattr(get_pool(), "layers", lambda: layers)
        return admin.get("/admin/plugins/plugin/").content.decode()

    all_on = dict.fromkeys(MISSING, "on")
    assert "All sandbox layers are on: descriptors, " in page(all_on)
    some = page(all_on | {"landlock": "off: Function not implemented"})
    assert "<b>landlock</b>: off: Function not implemented; only the other layers block file access" in some
    assert "<b>seccomp</b>" not in some
    assert "No worker has started" in page({})


def test_execution_shows_its_host_calls(bundled: dict[str, Plugin], admin: Client) -> None:
    API().post("/api/v1/auth/login", {"email": "nobody@example.com", "password": "x"})
    execution = history().get()
    page = admin.get(f"/admin/plugins/execution/{execution.pk}/change/").content.decode()
    assert "db_get_user_by_email" in page
    assert "nobody@example.com" not in page
    assert 'name="_save"' not in page


def test_settings_are_not_shown(bundled: dict[str, Plugin], admin: Client) -> None:
    Plugin.objects.filter(slug="auth").update(settings={"key": "s3cret"})
    page = admin.get(f"/admin/plugins/plugin/{bundled['auth'].pk}/change/").content.decode()
    assert "s3cret" not in page


def change_form(plugin: Plugin, *deleted: str, enabled: bool = True) -> dict[str, Any]:
    """What the page of a plugin sends when these permissions are ticked for deletion."""
    grants = list(Grant.objects.filter(plugin=plugin))
    form = {
        "grants-TOTAL_FORMS": len(grants),
        "grants-INITIAL_FORMS": len(grants),
        "network_grants-TOTAL_FORMS": 0,
        "network_grants-INITIAL_FORMS": 0,
        "releases-TOTAL_FORMS": 0,
        "releases-INITIAL_FORMS": 0,
    } | ({"enabled": "on"} if enabled else {})
    for number, grant in enumerate(grants):
        form |= {f"grants-{number}-id": grant.pk, f"grants-{number}-plugin": plugin.pk}
        if grant.permission in deleted:
            form[f"grants-{number}-DELETE"] = "on"
    return form


def test_plugin_can_be_disabled_and_grant_revoked(
    install: Callable[..., Plugin], admin: Client, listen: Listen
) -> None:
    plugin = install("hostcall", "kv_get", "kv_set")
    url = f"/admin/plugins/plugin/{plugin.pk}/change/"
    assert "kv_get" in admin.get(url).content.decode()
    admin.post("/admin/plugins/plugin/", {"action": "disable", "_selected_action": [plugin.pk]})
    plugin.refresh_from_db()
    assert not plugin.enabled
    with listen(EVERYONE_GROUP) as events:
        assert admin.post(url, change_form(plugin, "kv_get")).status_code == 302
    changes = [(event["type"], event["data"]["slug"], event["data"]["enabled"]) for event in events]
    assert changes == [("plugin.changed", "hostcall", True)]
    assert [grant.permission for grant in Grant.objects.all()] == ["kv_set"]


def test_auth_provider_keeps_serving(bundled: dict[str, Plugin], admin: Client) -> None:
    plugin = bundled["auth"]
    url = f"/admin/plugins/plugin/{plugin.pk}/change/"
    before = Grant.objects.count()
    action = {"action": "disable", "_selected_action": [plugin.pk, bundled["template"].pk]}
    page = admin.post("/admin/plugins/plugin/", action, follow=True).content.decode()
    assert "Nobody could log in without “auth”" in page
    assert not Plugin.objects.get(slug="template").enabled, "the other selected plugin is disabled"
    for form, refusal in (
        (change_form(plugin, enabled=False), "Nobody could log in without “auth”"),
        (change_form(plugin, "verify_password"), "Nobody could log in if “auth” lost verify_password"),
    ):
        page = admin.post(url, form).content.decode()
        assert refusal in page
    assert Plugin.objects.get(slug="auth").enabled
    assert Grant.objects.count() == before


def test_plugins_cannot_be_added(bundled: dict[str, Plugin], admin: Client) -> None:
    assert admin.get("/admin/plugins/plugin/add/").status_code == 403
    assert admin.get("/admin/plugins/execution/add/").status_code == 403


def test_filters_cannot_reveal_secret_settings(bundled: dict[str, Plugin], admin: Client) -> None:
    Plugin.objects.filter(slug="auth").update(settings={"key": "s3cret"})
    for lookup in ("settings__key__startswith=s3", "settings__icontains=s3c", "settings__key=s3cret"):
        assert admin.get(f"/admin/plugins/plugin/?{lookup}").status_code == 400
