"""DELETE /api/v1/plugins/{slug} removes everything that belongs to the plugin, and nothing else."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts import api_tokens
from accounts.models import APIToken, User
from core.events import EVERYONE_GROUP
from core.problems import NotFound
from plugins.bundles.bundle import read_zip
from plugins.host import kv
from plugins.models import Execution, KVEntry, Plugin, Release
from plugins.registry import catalogue, installation, wasm_store
from tests.conftest import API, Listen, assert_problem, at_once, host_calls
from tests.plugins.bundles.samples import zipped

URL = "/api/v1/plugins/hostcall"
Install = Callable[..., Plugin]
READ = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}


def remove(user: User | None) -> Any:
    return API(user).request("DELETE", URL)


def running(plugin: Plugin, **values: Any) -> Execution:
    return Execution.objects.create(plugin=plugin, release=plugin.active, function="fetch", **values)


def test_removal_deletes_everything_of_the_plugin(install: Install, charlie: User) -> None:
    plugin, other = install("hostcall", "kv_list"), install("faults")
    kv.put(plugin, "key", 1)
    kv.put(other, "key", 1)
    assert API(charlie).post(f"{URL}/call/fetch", READ).status_code == 200
    assert API(charlie).post("/api/v1/plugins/faults/call/echo", b"x").status_code == 200
    api_tokens.create_api_token(charlie, name="t", scopes=["kv_get"], expires_in_days=1, plugin="hostcall")
    api_tokens.create_api_token(charlie, name="t", scopes=["kv_get"], expires_in_days=1, plugin="faults")
    assert host_calls().count() == 1

    response = remove(charlie)
    assert (response.status_code, response.json()) == (
        200,
        {"releases": 1, "executions": 1, "stored_values": 1},
    )
    assert not wasm_store.wasm_path(plugin.active.sha256).exists()
    assert host_calls().count() == 0
    for left in (Plugin, Release, Execution, KVEntry, APIToken):
        assert left.objects.count() == 1, f"{left.__name__}: the other plugin keeps its own"
    assert API(charlie).post("/api/v1/plugins/faults/call/echo", b"x").content == b"x"
    assert_problem(API(charlie).get(URL), 404, "not-found")


def test_plugin_details_show_whether_it_is_removable(
    bundled: dict[str, Plugin], install: Install, alice: User
) -> None:
    install("faults")
    removable = {
        slug: API(alice).get(f"/api/v1/plugins/{slug}").json()["removable"]
        for slug in ("auth", "template", "faults")
    }
    assert removable == {"auth": False, "template": False, "faults": True}


def test_waiting_plugin_can_be_removed(transactional_db: None, charlie: User) -> None:
    installation.install(read_zip(zipped()))
    assert remove(charlie).json() == {"releases": 1, "executions": 0, "stored_values": 0}


def test_next_plugin_of_same_name_inherits_nothing(install: Install, charlie: User) -> None:
    plugin = install("hostcall", "kv_list")
    kv.put(plugin, "key", 1)
    remove(charlie)
    installation.install(read_zip(zipped()))
    again = catalogue.get_plugin("hostcall")
    assert (again.state, again.granted, again.kv_entries.count()) == ("waiting", frozenset(), 0)


def test_file_used_by_another_release_stays(install: Install, charlie: User) -> None:
    sha256 = install("hostcall").active.sha256
    installation.install(read_zip(zipped(name="twin")))
    remove(charlie)
    assert wasm_store.load_wasm(sha256)
    installation.remove(catalogue.get_plugin("twin"))
    assert not wasm_store.wasm_path(sha256).exists()


def test_half_written_files_are_cleaned_up(install: Install, charlie: User) -> None:
    draft = wasm_store.wasm_path(install("hostcall").active.sha256).with_suffix(".1.part")
    draft.write_bytes(b"half")
    remove(charlie)
    assert not draft.exists()


def test_removal_is_published_to_everyone(install: Install, listen: Listen) -> None:
    plugin = install("hostcall")
    with listen(EVERYONE_GROUP) as events:
        installation.remove(plugin)
    assert [(event["type"], event["data"]) for event in events] == [("plugin.removed", {"slug": "hostcall"})]


def test_only_administrators_can_remove_plugins(install: Install, alice: User) -> None:
    install("hostcall")
    assert_problem(remove(None), 401, "not-authenticated")
    assert_problem(remove(alice), 403, "forbidden")
    assert catalogue.get_plugin("hostcall").state == "enabled"


def test_unknown_plugin_is_not_found(transactional_db: None, charlie: User) -> None:
    assert_problem(remove(charlie), 404, "not-found")


@pytest.mark.parametrize("slug", ["auth", "template"])
def test_bundled_plugins_cannot_be_removed(bundled: dict[str, Plugin], charlie: User, slug: str) -> None:
    problem = assert_problem(
        API(charlie).request("DELETE", f"/api/v1/plugins/{slug}"), 409, "plugin-not-removable"
    )
    assert slug in problem["detail"]
    assert catalogue.get_plugin(slug).state == "enabled"


def test_auth_plugin_cannot_be_removed(install: Install, charlie: User, settings: Any) -> None:
    install("hostcall")
    settings.AUTH_PLUGIN = "hostcall"
    assert "AUTH_PLUGIN" in assert_problem(remove(charlie), 409, "plugin-not-removable")["detail"]


def test_running_plugin_cannot_be_removed(install: Install, charlie: User, settings: Any) -> None:
    execution = running(install("hostcall"))
    assert "Calls still running: 1." in assert_problem(remove(charlie), 409, "plugin-busy")["detail"]
    execution.state = Execution.State.SUCCEEDED
    execution.save()
    assert remove(charlie).status_code == 200


def test_stale_runs_do_not_block_removal(install: Install, charlie: User) -> None:
    running(install("hostcall"), created_at=timezone.now() - timedelta(minutes=5))
    assert remove(charlie).status_code == 200


def test_browser_runs_do_not_block_removal(install: Install, charlie: User) -> None:
    running(install("hostcall"), target="browser")
    assert remove(charlie).status_code == 200


@pytest.mark.parametrize("what", ["install", "remove"])
def test_installing_and_removing_wait_for_each_other(install: Install, what: str) -> None:
    """Otherwise one could delete the file of a release that the other is about to record."""
    plugin = install("hostcall")
    work: dict[str, Callable[[], object]] = {
        "install": lambda: installation.install(read_zip(zipped(name="twin"))),
        "remove": lambda: installation.remove(plugin),
    }

    def run() -> None:
        try:
            work[what]()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with wasm_store.changing():
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert [found.slug for found in Plugin.objects.all()] == ["hostcall"]
    thread.join(30)
    assert {found.slug for found in Plugin.objects.all()} == (
        {"hostcall", "twin"} if what == "install" else set()
    )


def test_second_of_two_concurrent_removals_gets_not_found(install: Install) -> None:
    install("hostcall")
    seen = [catalogue.get_plugin("hostcall") for _ in range(2)]
    results = at_once(2, lambda: installation.remove(seen.pop()))
    assert {"releases": 1, "executions": 0, "stored_values": 0} in results
    assert any(isinstance(result, NotFound) for result in results)


def test_command_line_removes_plugin(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("hostcall")
    call_command("plugin", "remove", "hostcall")
    assert "Removed hostcall: 1 releases, 0 executions, 0 stored values." in capsys.readouterr().out
    assert not Plugin.objects.exists()
