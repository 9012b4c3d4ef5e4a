"""What is looked up before the first call."""

import pytest

from accounts.models import User
from plugins import admissions, store
from plugins.models import Plugin


def test_a_plugin_whose_file_is_damaged_keeps_no_other_from_being_readied(
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
    admissions.warm_up()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "The plugin “auth” cannot be called"
    ]
    assert set(loaded) == {bundled["convert"].active.sha256, bundled["template"].active.sha256}

    # Nothing is read once more for those who call.
    admissions.admit(bundled["template"], "greet", admissions.Client(User()))
    assert len(loaded) == 2
