"""Bundles for tests, made from the fixture `hostcall`."""

import hashlib
import io
import json
import zipfile
from typing import Any

from tests.server import ROOT

HOSTCALL = ROOT / "wasm-plugins" / "fixtures" / "hostcall"
MANIFEST = (HOSTCALL / "plugin.json").read_bytes()
WASM = (HOSTCALL / "hostcall.wasm").read_bytes()
FILES = {"plugin.json": MANIFEST, "hostcall.wasm": WASM}

Entries = dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]


def manifest(*, wasm: bytes = WASM, **members: Any) -> bytes:
    """The plugin.json of `hostcall` with some members replaced, and the digest of `wasm`."""
    data = json.loads(MANIFEST) | members
    data["wasm"]["sha256"] = hashlib.sha256(wasm).hexdigest()
    return json.dumps(data).encode()


def make_zip(entries: Entries, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these entries, in this order. Nothing is checked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for entry, data in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(entry, data)
    return buffer.getvalue()


def in_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"hostcall/{name}": data for name, data in files.items()}


def zipped(*, wasm: bytes = WASM, **members: Any) -> bytes:
    """A valid archive, apart from the manifest members that are replaced here."""
    return make_zip({"plugin.json": manifest(wasm=wasm, **members), "hostcall.wasm": wasm})
