"""Preparations for the first call of each plugin."""

import uuid
from typing import cast

import pytest

from accounts.models import User
from plugins.executions import authorization, runner
from plugins.executions.call_endpoint import App, CallEndpoint
from plugins.history import journal
from plugins.models import Plugin
from plugins.registry import configuration, store
from plugins.runtime.pool import Pool
from plugins.runtime.service import get_engine, shut_down_engine


def test_damaged_plugin_does_not_stop_the_warm_up_of_others(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load, damaged = store.load_wasm, bundled["auth"].active.sha256
    loaded = []

    def load_wasm(sha256: str) -> bytes:
        if sha256 == damaged:
            raise store.CorruptFile(sha256)
        loaded.append(sha256)
        return load(sha256)

    monkeypatch.setattr(store, "load_wasm", load_wasm)
    store.imports.cache_clear()
    authorization.for_warm_up()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "The plugin “auth” cannot be called"
    ]
    assert set(loaded) == {bundled["convert"].active.sha256, bundled["template"].active.sha256}

    # A call reads nothing again.
    authorization.authorize(bundled["template"], "greet", authorization.Client(User()))
    assert len(loaded) == 2


def call(plugin: Plugin, function: str, user: User) -> None:
    runner.run_and_wait(authorization.authorize(plugin, function, authorization.Client(user)), b"{}")


def test_plugins_in_use_are_listed_most_recently_called_first(
    bundled: dict[str, Plugin], alice: User
) -> None:
    for slug, function in (("convert", "detect"), ("template", "greet"), ("convert", "detect")):
        call(bundled[slug], function, alice)
    journal.flush()
    assert [each.plugin.slug for each in authorization.for_warm_up()] == ["convert", "template"]
    configuration.set_enabled(bundled["convert"], False)
    assert [each.plugin.slug for each in authorization.for_warm_up()] == ["template"]


def test_server_starts_with_each_module_in_use_loaded_in_a_worker(
    bundled: dict[str, Plugin], alice: User
) -> None:
    call(bundled["convert"], "detect", alice)
    call(bundled["template"], "greet", alice)
    journal.flush()
    shut_down_engine()
    engine = get_engine()
    endpoint = CallEndpoint(cast(App, None), limit=1, headers=())
    engine.run(lambda _: endpoint.warm_up())
    for slug in ("convert", "template"):
        module = engine.call(module_ready_for, engine.pool, slug)
        assert module.startswith(bundled[slug].active.sha256)


def module_ready_for(pool: Pool, slug: str) -> str:
    """The module loaded in the worker that the plugin's next call gets."""
    with pool.admit(uuid.uuid4(), slug) as ticket:
        assert ticket.worker is not None
        (module,) = ticket.worker.modules
        return module
