"""Installs fixtures around the upload gate: what it lets through by mistake must not cost more than a worker.

Also from `manage.py shell`, for a server in a process of its own.
"""

import json
from pathlib import Path

from django.utils import timezone

from plugins.models import Plugin, Release
from plugins.registry import catalogue, store

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-plugins" / "fixtures"


def install_unchecked(name: str, timeout_ms: int, slug: str = "") -> Plugin:
    """The fixture as a plugin that serves, without grants and without a look at its .wasm.

    The manifest's time limit does not hold but this one, so that a busy machine does not make a test of it.
    """
    manifest = json.loads((FIXTURES / name / "plugin.json").read_text())
    manifest["limits"]["timeout_ms"] = timeout_ms
    wasm = (FIXTURES / name / manifest["wasm"]["path"]).read_bytes()
    with store.changing():
        sha256 = store.save_wasm(wasm)
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
