"""Reads single files out of an untrusted .zip, without unpacking anything to disk.

Every entry of the archive is checked, because other tools may unpack the same file. Only the files that are
read are decompressed, each up to a limit.
"""

import io
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.problems import InvalidInput
from plugins.bundles.manifest import MANIFEST_NAME
from plugins.bundles.wasm import MAX_WASM_BYTES

MAX_ENTRIES = 1_000
MAX_FILE_BYTES = MAX_WASM_BYTES  # of each file, decompressed
MAX_TOTAL_BYTES = 64 << 20  # of all files, decompressed
MAX_RATIO = 100  # of decompressed to compressed size, for files over RATIO_FROM_BYTES
RATIO_FROM_BYTES = 1 << 20  # a short run of zeros compresses as well as a zip bomb
MAX_NAME_LENGTH = 255
MAX_EXTRA_BYTES = 256 << 10  # of all extra fields in the central directory: times, owners and the like

_FIRST_ENTRY, _DIRECTORY_ENTRY, _EMPTY_ARCHIVE = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000  # file encryption, strong encryption, encrypted central directory
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_NESTED_ARCHIVE = re.compile(r"\.(zip|jar|whl|tar|t?gz|t?bz2|t?xz|zst|7z|rar)$", re.IGNORECASE)
_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Everything that zipfile raises for malformed archives, including for offsets before the start of the file,
# numbers too large for C, and names that are not UTF-8.
_ZIPFILE_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError
)  # fmt: skip
_MACOS_METADATA = re.compile(r"(^__MACOSX/)|((^|/)\.DS_Store$)")


class InvalidBundle(InvalidInput):
    code = "invalid-bundle"
    title = "Invalid plugin bundle"


@dataclass(frozen=True)
class Archive:
    """A checked .zip. Paths are relative to the folder that holds `plugin.json`."""

    file: zipfile.ZipFile
    entries: dict[str, zipfile.ZipInfo]
    folder: str

    def read(self, path: str, max_bytes: int) -> bytes:
        """Raises InvalidBundle if the file is missing, damaged or larger than `max_bytes`."""
        entry = self.entries.get(self.folder + path)
        if entry is None:
            raise InvalidBundle(f"The archive has no file {self.folder}{path}, which plugin.json names.")
        return _read_entry(self.file, entry, max_bytes)


def open_archive(data: bytes) -> Archive:
    """Checks all entries of the archive. Raises InvalidBundle."""
    if data.startswith(_EMPTY_ARCHIVE):
        raise InvalidBundle("The archive is empty.")
    if not data.startswith(_FIRST_ENTRY):
        raise InvalidBundle("The file does not start like a .zip archive.")
    # Check these before zipfile reads the whole directory, which takes ten times its size in memory.
    if data.count(_DIRECTORY_ENTRY) > MAX_ENTRIES:
        raise InvalidBundle(f"The archive has more than {MAX_ENTRIES} entries.")
    if _extra_bytes(data) > MAX_EXTRA_BYTES:
        raise InvalidBundle(f"The archive has more than {MAX_EXTRA_BYTES} bytes of extra fields.")
    with _zipfile_errors_as_invalid_bundle():
        file = zipfile.ZipFile(io.BytesIO(data))
    entries = file.infolist()
    _check_names(entries)
    for entry in entries:
        _check_entry(entry)
    if sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise InvalidBundle(f"The archive unpacks to more than {MAX_TOTAL_BYTES} bytes.")
    files = {entry.filename: entry for entry in entries if not entry.is_dir()}
    return Archive(file, files, _manifest_folder(files))


def _extra_bytes(data: bytes) -> int:
    """The total size of the extra fields, as the directory states it.

    zipfile takes time quadratic in the size of each.
    """
    total, position = 0, data.find(_DIRECTORY_ENTRY)
    while position >= 0:
        total += int.from_bytes(data[position + 30 : position + 32], "little")
        position = data.find(_DIRECTORY_ENTRY, position + len(_DIRECTORY_ENTRY))
    return total


@contextmanager
def _zipfile_errors_as_invalid_bundle() -> Iterator[None]:
    """Wrap only zipfile's own calls in this: the list includes errors as general as ValueError."""
    try:
        yield
    except _ZIPFILE_ERRORS as error:
        raise InvalidBundle(f"The archive is damaged: {error}.") from error


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    """Names stay inside the target folder, and no two collide on any file system."""
    seen: dict[str, str] = {}
    for entry in entries:
        name = entry.filename
        parts = name.removesuffix("/").split("/")
        if name != entry.orig_filename:  # cut at a NUL, or replaced by an extra field
            raise InvalidBundle(
                f"The archive gives one entry two names: {entry.orig_filename!r} and {name!r}."
            )
        if _CONTROL_CHARACTER.search(name):
            raise InvalidBundle(f"A name in the archive contains a control character: {name!r}.")
        if "\\" in name:
            raise InvalidBundle(
                f"A name in the archive contains a backslash: {name!r}. ZIP separates folders by /."
            )
        if len(name) > MAX_NAME_LENGTH:
            raise InvalidBundle(
                f"A name in the archive has {len(name)} characters; the limit is {MAX_NAME_LENGTH}: "
                f"{name[:40]!r}…"
            )
        if PurePosixPath(name).is_absolute() or re.match("[A-Za-z]:", name):
            raise InvalidBundle(f"The archive contains an absolute path: {name!r}.")
        if {"", ".", ".."} & set(parts):
            raise InvalidBundle(f"A path in the archive contains an empty segment, “.” or “..”: {name!r}.")
        folded = unicodedata.normalize("NFC", "/".join(parts)).casefold()
        if folded in seen:
            raise InvalidBundle(
                f"Two entries in the archive have the same name on some systems: {seen[folded]!r}, {name!r}."
            )
        seen[folded] = name


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """Goes by what the directory states; `_read_entry` checks the actual size."""
    name = entry.filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise InvalidBundle(f"{name} in the archive is a symbolic link.")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise InvalidBundle(f"{name} in the archive is not a regular file or folder.")
    if entry.flag_bits & _ENCRYPTED_FLAGS:
        raise InvalidBundle(f"{name} in the archive is encrypted.")
    if entry.compress_type not in _METHODS:
        raise InvalidBundle(
            f"{name} in the archive uses compression method {entry.compress_type}. Use deflate."
        )
    if _NESTED_ARCHIVE.search(name):
        raise InvalidBundle(f"{name} is an archive inside the archive.")
    if entry.file_size > MAX_FILE_BYTES:
        raise InvalidBundle(f"{name} in the archive unpacks to more than {MAX_FILE_BYTES} bytes.")
    if entry.file_size > max(RATIO_FROM_BYTES, entry.compress_size * MAX_RATIO):
        raise InvalidBundle(f"{name} in the archive unpacks to more than {MAX_RATIO} times its size.")


def _manifest_folder(files: dict[str, zipfile.ZipInfo]) -> str:
    """The folder that holds the manifest, with its slash; empty for the top of the archive."""
    names = [name for name in files if not _MACOS_METADATA.search(name)]
    manifests = [name for name in names if PurePosixPath(name).name.casefold() == MANIFEST_NAME]
    if not manifests:
        raise InvalidBundle(f"The archive has no {MANIFEST_NAME}.")
    if len(manifests) > 1:
        raise InvalidBundle(f"The archive has several manifests: {', '.join(sorted(manifests)[:5])}.")
    folder, _, manifest = manifests[0].rpartition("/")
    if manifest != MANIFEST_NAME:
        raise InvalidBundle(f"The manifest must be named {MANIFEST_NAME}, not {manifest}.")
    if "/" in folder or (folder and any(not name.startswith(f"{folder}/") for name in names)):
        raise InvalidBundle(
            f"{manifests[0]} must be at the top of the archive or in its only top-level folder."
        )
    return folder and f"{folder}/"


def _read_entry(file: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """The actual content, whatever size the directory states."""
    # zipfile would stop at the stated size as if the file ended there, and verify the checksum at that point.
    # So state one byte more than is read below.
    unbounded = copy(entry)
    unbounded.file_size = max_bytes + 2
    with _zipfile_errors_as_invalid_bundle(), file.open(unbounded) as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InvalidBundle(f"{entry.filename} is larger than {max_bytes} bytes.")
    if len(data) != entry.file_size:
        raise InvalidBundle(
            f"The archive states {entry.file_size} bytes for {entry.filename}, which has {len(data)}."
        )
    return data
