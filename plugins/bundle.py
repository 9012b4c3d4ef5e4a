"""Reads a bundle from a folder: the manifest and the one .wasm that it names, and nothing else."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from accounts.problems import InvalidInput
from plugins.manifest import MAX_MANIFEST_BYTES, PluginManifest, parse_manifest
from plugins.operations import OPERATIONS, PERMISSIONS
from plugins.wasm import USER_NAMESPACE, InvalidWasm, read_module

MAX_WASM_BYTES = 32 << 20


class InvalidBundle(InvalidInput):
    code = "invalid-bundle"
    title = "This is not a plugin bundle"


@dataclass(frozen=True)
class Bundle:
    manifest: PluginManifest
    manifest_data: bytes
    wasm: bytes


def read_folder(folder: Path) -> Bundle:
    """Raises InvalidBundle, InvalidManifest or InvalidWasm: what is wrong and where."""
    raw = _read(folder, "plugin.json", MAX_MANIFEST_BYTES)
    manifest = parse_manifest(raw, operations=frozenset(PERMISSIONS))
    wasm = _read(folder, manifest.wasm.path, MAX_WASM_BYTES)
    check_wasm(manifest, wasm)
    return Bundle(manifest, raw, wasm)


def check_wasm(manifest: PluginManifest, wasm: bytes) -> None:
    """Whether the bytes are those the manifest speaks of. Raises InvalidBundle or InvalidWasm."""
    found = hashlib.sha256(wasm).hexdigest()
    if found != manifest.wasm.sha256:
        raise InvalidBundle(
            f"{manifest.wasm.path} has the sha256 {found}, but plugin.json says {manifest.wasm.sha256}."
        )
    module = read_module(wasm)
    unknown = [name for space, name in module.imports if space == USER_NAMESPACE and name not in OPERATIONS]
    if unknown:
        raise InvalidWasm(f"{manifest.wasm.path} imports {', '.join(sorted(unknown))}: no such operation.")
    missing = [f.name for f in manifest.functions if f.name not in module.exports]
    if missing:
        raise InvalidWasm(
            f"{manifest.wasm.path} does not export {', '.join(missing)}, which plugin.json declares."
        )


def _read(folder: Path, name: str, limit: int) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise InvalidBundle(f"{folder} has no file {name}.")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InvalidBundle(f"{name} is larger than {limit} bytes.")
    return data
