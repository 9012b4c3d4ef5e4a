"""Reads a bundle, a folder or a .zip: the manifest and the one .wasm that it names, and nothing else.

Nothing is unpacked to disk. Of an archive every entry is looked at, as other tools may unpack the same file,
but only those two are decompressed, each up to a bound.
"""

import hashlib
import io
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from core.operations import OPERATIONS, PERMISSIONS
from core.problems import InvalidInput, PayloadTooLarge
from plugins.bundles import module_policy
from plugins.bundles.manifest import MAX_MANIFEST_BYTES, PluginManifest, parse_manifest
from plugins.bundles.wasm import InvalidWasm, Module

MANIFEST_NAME = "plugin.json"
MAX_WASM_BYTES = 32 << 20
MAX_ENTRIES = 1_000
MAX_FILE_BYTES = MAX_WASM_BYTES  # of each file in an archive, decompressed
MAX_TOTAL_BYTES = 64 << 20  # of all files in an archive, decompressed
MAX_RATIO = 100  # of decompressed to compressed size, for files over RATIO_FROM_BYTES
RATIO_FROM_BYTES = 1 << 20  # a short run of zeros compresses as well as a bomb does
MAX_NAME_LENGTH = 255
MAX_EXTRA_BYTES = 256 << 10  # of all extra fields in the directory: times, owners and the like

_FIRST_ENTRY, _DIRECTORY_ENTRY, _EMPTY_ARCHIVE = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000  # the file, strongly; the directory
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ARCHIVE = re.compile(r"\.(zip|jar|whl|tar|t?gz|t?bz2|t?xz|zst|7z|rar)$", re.IGNORECASE)
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# What zipfile raises for archives that are not as they should be: also for positions before the file, or
# beyond what C can count, and for names that are not UTF-8.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError)
_MACOS = re.compile(r"(^__MACOSX/)|((^|/)\.DS_Store$)")  # what macOS adds by itself


class InvalidBundle(InvalidInput):
    code = "invalid-bundle"
    title = "This is not a plugin bundle"


@dataclass(frozen=True)
class Bundle:
    """A bundle that passed the gate. `module` is what was read of the `wasm`."""

    manifest: PluginManifest
    manifest_data: bytes
    wasm: bytes
    module: Module


def read_folder(folder: Path) -> Bundle:
    """Raises InvalidBundle, InvalidManifest or InvalidWasm: what is wrong and where."""
    raw = _read_file(folder, MANIFEST_NAME, MAX_MANIFEST_BYTES)
    manifest = parse_manifest(raw, operations=frozenset(PERMISSIONS))
    return _checked(manifest, raw, _read_file(folder, manifest.wasm.path, MAX_WASM_BYTES))


def read_zip(data: bytes) -> Bundle:
    """The bundle in an archive: `plugin.json` at its top, or in its one top-level folder. Other files may be
    there and are left alone. Raises InvalidBundle, InvalidManifest or InvalidWasm: what is wrong and where.
    """
    if data.startswith(_EMPTY_ARCHIVE):
        raise InvalidBundle("The archive is empty.")
    if not data.startswith(_FIRST_ENTRY):
        raise InvalidBundle("It does not begin like a .zip file.")
    # Before zipfile reads the directory whole, at ten times its size in memory.
    if data.count(_DIRECTORY_ENTRY) > MAX_ENTRIES:
        raise InvalidBundle(f"The archive has more than {MAX_ENTRIES} entries.")
    if _extra_bytes(data) > MAX_EXTRA_BYTES:
        raise InvalidBundle(f"The archive has more than {MAX_EXTRA_BYTES} bytes of extra fields.")
    with _damage_told():
        archive = zipfile.ZipFile(io.BytesIO(data))
    return _read_archive(archive)


def read_path(path: Path, max_bytes: int) -> Bundle:
    """The bundle at the path, a folder or a .zip of at most `max_bytes`. Raises what those two raise, and
    PayloadTooLarge.
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
    """What the gate found in the bundle, for whoever installs it."""
    taken: dict[str, list[str]] = {}
    for imported in sorted(bundle.module.imports, key=str):
        names = taken.setdefault(imported.namespace, [])
        if imported.name not in names:  # a module may import a function twice
            names.append(imported.name)
    return {
        "wasm_bytes": len(bundle.wasm),
        "memory_mb": bundle.module.memory_pages / module_policy.PAGES_PER_MB,
        "imports": [{"namespace": namespace, "names": names} for namespace, names in taken.items()],
        "functions": [function.name for function in bundle.manifest.functions],
        "permissions": [permission.operation for permission in bundle.manifest.permissions],
        "network": [rule.url for rule in bundle.manifest.network],
    }


def _checked(manifest: PluginManifest, raw: bytes, wasm: bytes) -> Bundle:
    """The bundle, if the bytes are those the manifest speaks of and may run here."""
    found = hashlib.sha256(wasm).hexdigest()
    if found != manifest.wasm.sha256:
        raise InvalidBundle(
            f"{manifest.wasm.path} has the sha256 {found}, but plugin.json says {manifest.wasm.sha256}."
        )
    try:
        module = module_policy.check(wasm, manifest, operations=frozenset(OPERATIONS))
    except InvalidWasm as problem:
        raise InvalidWasm(f"{manifest.wasm.path}: {problem.detail}") from problem
    return Bundle(manifest, raw, wasm, module)


def _read_file(folder: Path, name: str, limit: int) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise InvalidBundle(f"{folder} has no file {name}.")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InvalidBundle(f"{name} is larger than {limit} bytes.")
    return data


def _extra_bytes(data: bytes) -> int:
    """What the entries say that they have; zipfile takes a time that grows with the square of each."""
    total, position = 0, data.find(_DIRECTORY_ENTRY)
    while position >= 0:
        total += int.from_bytes(data[position + 30 : position + 32], "little")
        position = data.find(_DIRECTORY_ENTRY, position + len(_DIRECTORY_ENTRY))
    return total


@contextmanager
def _damage_told() -> Iterator[None]:
    """What zipfile raises, as InvalidBundle. Around nothing but zipfile's own calls."""
    try:
        yield
    except _DAMAGE as error:
        raise InvalidBundle(f"The archive is damaged: {error}.") from error


def _read_archive(archive: zipfile.ZipFile) -> Bundle:
    entries = archive.infolist()
    _check_names(entries)
    for entry in entries:
        _check_entry(entry)
    if sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise InvalidBundle(f"The archive unpacks to more than {MAX_TOTAL_BYTES} bytes.")
    files = {entry.filename: entry for entry in entries if not entry.is_dir()}
    top = _top_folder(files)
    raw = _read_entry(archive, files[f"{top}{MANIFEST_NAME}"], MAX_MANIFEST_BYTES)
    manifest = parse_manifest(raw, operations=frozenset(PERMISSIONS))
    wasm = files.get(f"{top}{manifest.wasm.path}")
    if wasm is None:
        raise InvalidBundle(f"The archive has no file {top}{manifest.wasm.path}, which plugin.json names.")
    return _checked(manifest, raw, _read_entry(archive, wasm, MAX_WASM_BYTES))


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    """Names lead nowhere but down, and none could be another's on any file system."""
    seen: dict[str, str] = {}
    for entry in entries:
        name = entry.filename
        parts = name.removesuffix("/").split("/")
        if name != entry.orig_filename:  # cut at a NUL, or given another one in an extra field
            raise InvalidBundle(
                f"The archive has two names for one entry: {entry.orig_filename!r}, {name!r}."
            )
        if _UNUSABLE.search(name):
            raise InvalidBundle(f"The archive has a name with a control character: {name!r}.")
        if "\\" in name:
            raise InvalidBundle(
                f"The archive has a name with a backslash, {name!r}. ZIP separates folders by /."
            )
        if len(name) > MAX_NAME_LENGTH:
            raise InvalidBundle(f"The archive has a name of {len(name)} characters: {name[:40]!r}….")
        if PurePosixPath(name).is_absolute() or re.match("[A-Za-z]:", name):
            raise InvalidBundle(f"The archive has an absolute path: {name!r}.")
        if {"", ".", ".."} & set(parts):
            raise InvalidBundle(f"The archive has a path that leads out of its folder or nowhere: {name!r}.")
        folded = unicodedata.normalize("NFC", "/".join(parts)).casefold()
        if folded in seen:
            raise InvalidBundle(f"The archive has two entries for one name: {seen[folded]!r} and {name!r}.")
        seen[folded] = name


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """By what the directory says of it; `_read_entry` sees whether that is true."""
    name = entry.filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise InvalidBundle(f"{name} in the archive is a symbolic link.")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise InvalidBundle(f"{name} in the archive is neither a file nor a folder.")
    if entry.flag_bits & _ENCRYPTED_FLAGS:
        raise InvalidBundle(f"{name} in the archive is encrypted.")
    if entry.compress_type not in _METHODS:
        raise InvalidBundle(
            f"{name} in the archive is compressed by method {entry.compress_type}. Use deflate."
        )
    if _ARCHIVE.search(name):
        raise InvalidBundle(f"{name} is an archive within the archive.")
    if entry.file_size > MAX_FILE_BYTES:
        raise InvalidBundle(f"{name} in the archive unpacks to more than {MAX_FILE_BYTES} bytes.")
    if entry.file_size > max(RATIO_FROM_BYTES, entry.compress_size * MAX_RATIO):
        raise InvalidBundle(f"{name} in the archive unpacks to more than {MAX_RATIO} times its size.")


def _top_folder(files: dict[str, zipfile.ZipInfo]) -> str:
    """The folder that the manifest is in, with its slash; empty at the top."""
    own = [name for name in files if not _MACOS.search(name)]
    manifests = [name for name in own if PurePosixPath(name).name.casefold() == MANIFEST_NAME]
    if not manifests:
        raise InvalidBundle(f"The archive has no {MANIFEST_NAME}.")
    if len(manifests) > 1:
        raise InvalidBundle(f"The archive has several manifests: {', '.join(sorted(manifests)[:5])}.")
    folder, _, name = manifests[0].rpartition("/")
    if name != MANIFEST_NAME:
        raise InvalidBundle(f"The manifest must be called {MANIFEST_NAME}, not {name}.")
    if "/" in folder or (folder and any(not name.startswith(f"{folder}/") for name in own)):
        raise InvalidBundle(
            f"{manifests[0]} must be at the top of the archive or in its one top-level folder."
        )
    return folder and f"{folder}/"


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """The file as it is there, whatever size was announced for it."""
    announced = entry.file_size
    # zipfile would stop at the announced size and call that the file. One more than is read here, as at the
    # end it asks for the checksum.
    entry.file_size = limit + 2
    with _damage_told(), archive.open(entry) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InvalidBundle(f"{entry.filename} is larger than {limit} bytes.")
    if len(data) != announced:
        raise InvalidBundle(
            f"{entry.filename} in the archive announces {announced} bytes, but has {len(data)}."
        )
    return data
