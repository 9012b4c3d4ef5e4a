"""Plugins in the Django admin."""

import pytest
from django.test import Client

from accounts.models import User
from core.events import EVERYONE_GROUP
from plugins.models import Grant, Plugin
from plugins.runtime.sandbox_status import MISSING
from plugins.runtime.service import get_pool
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


def test_plugin_can_be_disabled_and_grant_revoked(
    bundled: dict[str, Plugin], admin: Client, listen: Listen
) -> None:
    plugin = bundled["auth"]
    url = f"/admin/plugins/plugin/{plugin.pk}/change/"
    assert "db_create_user" in admin.get(url).content.decode()
    admin.post("/admin/plugins/plugin/", {"action": "disable", "_selected_action": [plugin.pk]})
    plugin.refresh_from_db()
    assert not plugin.enabled
    grants = list(Grant.objects.filter(plugin=plugin))
    form = {
        "enabled": "on",
        "grants-TOTAL_FORMS": len(grants),
        "grants-INITIAL_FORMS": len(grants),
        "network_grants-TOTAL_FORMS": 0,
        "network_grants-INITIAL_FORMS": 0,
        "releases-TOTAL_FORMS": 0,
        "releases-INITIAL_FORMS": 0,
        "grants-0-id": grants[0].pk,
        "grants-0-plugin": plugin.pk,
        "grants-0-DELETE": "on",
    } | {
        f"grants-{n}-{key}": value
        for n, g in enumerate(grants)
        for key, value in (("id", g.pk), ("plugin", plugin.pk))
    }
    with listen(EVERYONE_GROUP) as events:
        assert admin.post(url, form).status_code == 302
    changes = [(event["type"], event["data"]["slug"], event["data"]["enabled"]) for event in events]
    assert changes == [("plugin.changed", "auth", True)]
    assert Grant.objects.filter(plugin=plugin).count() == len(grants) - 1


def test_plugins_cannot_be_added(bundled: dict[str, Plugin], admin: Client) -> None:
    assert admin.get("/admin/plugins/plugin/add/").status_code == 403
    assert admin.get("/admin/plugins/execution/add/").status_code == 403


def test_filters_cannot_reveal_secret_settings(bundled: dict[str, Plugin], admin: Client) -> None:
    Plugin.objects.filter(slug="auth").update(settings={"key": "s3cret"})
    for lookup in ("settings__key__startswith=s3", "settings__icontains=s3c", "settings__key=s3cret"):
        assert admin.get(f"/admin/plugins/plugin/?{lookup}").status_code == 400
