"""Installs fixtures without the checks of an upload.

A hostile module that passes those checks by mistake must not cost more than a worker. Tests with a server in
its own process call this from `manage.py shell`.
"""

import json
from pathlib import Path

from django.utils import timezone

from plugins.models import Plugin, Release
from plugins.registry import catalogue, wasm_store

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-plugins" / "fixtures"


def install_unchecked(name: str, timeout_ms: int, slug: str = "") -> Plugin:
    """Installs and activates the fixture, without grants and without any check of its .wasm.

    `timeout_ms` replaces the manifest's limit, so that a test can allow more time on a busy machine.
    """
    manifest = json.loads((FIXTURES / name / "plugin.json").read_text())
    manifest["limits"]["timeout_ms"] = timeout_ms
    wasm = (FIXTURES / name / manifest["wasm"]["path"]).read_bytes()
    with wasm_store.changing():
        sha256 = wasm_store.save_wasm(wasm)
    plugin = Plugin.objects.create(slug=slug or manifest["name"])
    plugin.release = Release.objects.create(
        plugin=plugin,
        version=manifest["version"],
        manifest_data=manifest,
        sha256=sha256,
        size_bytes=len(wasm),
        activated_at=timezone.now(),
    )
    plugin.save()
    return catalogue.get_plugin(plugin.slug)
