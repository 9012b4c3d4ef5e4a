"""Plugin bundles: a folder or a .zip that holds `plugin.json` and the .wasm file it names.

Reading a bundle runs none of its code and writes nothing to disk. The result has passed every check that an
installation depends on: the manifest, the digest of the .wasm and the module policy.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.operations import OPERATIONS, PERMISSIONS
from core.problems import PayloadTooLarge
from plugins.bundles import module_policy
from plugins.bundles.archive import InvalidBundle, open_archive
from plugins.bundles.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, PluginManifest, parse_manifest
from plugins.bundles.wasm import MAX_WASM_BYTES, InvalidWasm, Module


@dataclass(frozen=True)
class Bundle:
    """A bundle that may be installed. `module` describes the imports, exports and memory of `wasm`."""

    manifest: PluginManifest
    manifest_data: bytes
    wasm: bytes
    module: Module


def read_folder(folder: Path) -> Bundle:
    """Raises InvalidBundle, InvalidManifest or InvalidWasm, each with what is wrong and where."""
    manifest_data = _read_file(folder, MANIFEST_NAME, MAX_MANIFEST_BYTES)
    manifest = parse_manifest(manifest_data, operations=frozenset(PERMISSIONS))
    return _validated(manifest, manifest_data, _read_file(folder, manifest.wasm.path, MAX_WASM_BYTES))


def read_zip(data: bytes) -> Bundle:
    """The bundle in an archive, with `plugin.json` at the top or in a single top-level folder.

    Other files in the archive are ignored. Raises InvalidBundle, InvalidManifest or InvalidWasm, each with
    what is wrong and where.
    """
    archive = open_archive(data)
    manifest_data = archive.read(MANIFEST_NAME, MAX_MANIFEST_BYTES)
    manifest = parse_manifest(manifest_data, operations=frozenset(PERMISSIONS))
    return _validated(manifest, manifest_data, archive.read(manifest.wasm.path, MAX_WASM_BYTES))


def read_path(path: Path, max_bytes: int) -> Bundle:
    """The bundle at a path: a folder, or a .zip of at most `max_bytes`.

    Raises what `read_folder` and `read_zip` raise, and PayloadTooLarge.
    """
    if path.is_dir():
        return read_folder(path)
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise InvalidBundle(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > max_bytes:
        raise PayloadTooLarge(f"A bundle may have at most {max_bytes} bytes (PLUGIN_MAX_BUNDLE_BYTES).")
    return read_zip(data)


def report(bundle: Bundle) -> dict[str, Any]:
    """What an administrator sees before installing the bundle."""
    imports: dict[str, list[str]] = {}
    for imported in sorted(bundle.module.imports, key=str):
        names = imports.setdefault(imported.namespace, [])
        if imported.name not in names:  # a module may import a function twice
            names.append(imported.name)
    return {
        "wasm_bytes": len(bundle.wasm),
        "memory_mb": bundle.module.memory_pages / module_policy.PAGES_PER_MB,
        "imports": [{"namespace": namespace, "names": names} for namespace, names in imports.items()],
        "functions": [function.name for function in bundle.manifest.functions],
        "permissions": [permission.operation for permission in bundle.manifest.permissions],
        "network": [rule.url for rule in bundle.manifest.network],
    }


def _validated(manifest: PluginManifest, manifest_data: bytes, wasm: bytes) -> Bundle:
    sha256 = hashlib.sha256(wasm).hexdigest()
    if sha256 != manifest.wasm.sha256:
        raise InvalidBundle(
            f"The sha256 of {manifest.wasm.path} is {sha256}, but plugin.json says {manifest.wasm.sha256}."
        )
    try:
        module = module_policy.check(wasm, manifest, operations=frozenset(OPERATIONS))
    except InvalidWasm as problem:
        raise InvalidWasm(f"{manifest.wasm.path}: {problem.detail}") from problem
    return Bundle(manifest, manifest_data, wasm, module)


def _read_file(folder: Path, name: str, max_bytes: int) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise InvalidBundle(f"{folder} has no file {name}.")
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InvalidBundle(f"{name} is larger than {max_bytes} bytes.")
    return data
