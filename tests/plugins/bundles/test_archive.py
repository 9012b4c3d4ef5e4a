"""Bundles as folders and archives: what is read, and what is refused before anything is run or kept."""

import io
import random
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.problems import PayloadTooLarge, Problem
from plugins.bundles import archive as archives
from plugins.bundles.archive import InvalidBundle, read_folder, read_path, read_zip
from plugins.bundles.manifest import InvalidManifest
from plugins.bundles.wasm import InvalidWasm
from tests.plugins.bundles.samples import FILES, HOSTCALL, MANIFEST, WASM, in_folder, make_zip, manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for name in FILES:
        shutil.copy(HOSTCALL / name, copy / name)
    return copy


def refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidBundle) as found:
        read_zip(data)
    assert reason in found.value.detail


# --- folders ------------------------------------------------------------------------------------------


def test_a_good_bundle_is_read(folder: Path) -> None:
    found = read_folder(folder)
    assert found.manifest.name == "hostcall"
    assert found.wasm == WASM
    assert found.module.exports["fetch"] == "() -> i32"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidBundle, match=name):
        read_folder(folder)


@pytest.mark.parametrize("name", FILES)
def test_links_are_not_followed(folder: Path, name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(InvalidBundle, match=name):
        read_folder(folder)


def test_files_over_the_bound_are_refused(folder: Path) -> None:
    (folder / "plugin.json").write_bytes(b" " * (256 << 10) + MANIFEST)
    with pytest.raises(InvalidBundle, match=r"plugin\.json is larger than 262144 bytes"):
        read_folder(folder)


def test_other_bytes_than_the_manifest_names_are_refused(folder: Path) -> None:
    (folder / "hostcall.wasm").write_bytes(WASM + b"\0")
    with pytest.raises(InvalidBundle, match="sha256"):
        read_folder(folder)


def test_the_module_goes_through_the_gate(folder: Path) -> None:
    other = WASM.replace(b"fetch_many", b"fetch_none")
    (folder / "hostcall.wasm").write_bytes(other)
    (folder / "plugin.json").write_bytes(manifest(wasm=other))
    with pytest.raises(InvalidWasm, match=r"^hostcall\.wasm: It does not export fetch_many"):
        read_folder(folder)


# --- archives -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("top", ["", "hostcall-1.0.0/"])
def test_an_archive_is_read(top: str, method: int) -> None:
    found = read_zip(make_zip({f"{top}{name}": data for name, data in FILES.items()}, method))
    assert (found.manifest.name, found.manifest_data, found.wasm) == ("hostcall", MANIFEST, WASM)


def test_an_archive_with_entries_for_folders_is_read() -> None:
    assert read_zip(make_zip({"hostcall/": b"", "hostcall/src/": b""} | in_folder(FILES)))


def test_an_archive_from_a_mac_is_read() -> None:
    extra = {"__MACOSX/hostcall/._plugin.json": b"x", ".DS_Store": b"x", "hostcall/.DS_Store": b"x"}
    assert read_zip(make_zip(in_folder(FILES) | extra))


def test_other_files_are_left_alone() -> None:
    other = {
        "README.md": b"Read me",
        "src/lib.rs": b"fn main() {}",
        "größe.svg": b"<svg/>",
        "other.wasm": b"no",
    }
    assert read_zip(make_zip(FILES | other))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "It does not begin like a .zip file."),
        (WASM, "It does not begin like a .zip file."),
        (b"#!/bin/sh\n" + make_zip(FILES), "It does not begin like a .zip file."),
        (make_zip({}), "The archive is empty."),
        (make_zip(FILES)[:-30], "The archive is damaged"),
    ],
    ids=["nothing", "a module", "something in front", "empty", "cut short"],
)
def test_what_is_no_archive_is_refused(data: bytes, reason: str) -> None:
    refused(data, reason)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../plugin.json", "leads out of its folder"),
        ("a/../../etc/passwd", "leads out of its folder"),
        ("a/./b", "leads out of its folder or nowhere"),
        ("a//b", "leads out of its folder or nowhere"),
        ("/etc/passwd", "an absolute path"),
        ("C:/windows/system.ini", "an absolute path"),
        ("c:system.ini", "an absolute path"),
        ("..\\..\\evil", "a name with a backslash"),
        ("src\\lib.rs", "ZIP separates folders by /"),
        ("a\nb", "a control character"),
        ("a" * 256, "a name of 256 characters"),
        ("inner.zip", "inner.zip is an archive within the archive."),
        ("src/vendor.TAR.gz", "src/vendor.TAR.gz is an archive"),
        ("README", "two entries for one name"),
        ("readme", "two entries for one name: 'README' and 'readme'"),
        ("README/", "two entries for one name"),
        ("src/plugin.json", "several manifests: plugin.json, src/plugin.json"),
        ("Plugin.JSON", "two entries for one name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_do_harm_somewhere_are_refused(name: str, reason: str) -> None:
    refused(make_zip([*FILES.items(), ("README", b""), (name, b"x")]), reason)


def test_names_that_differ_by_their_spelling_in_unicode_are_one() -> None:
    refused(make_zip(FILES | {"gr\u00f6\u00dfe": b"", "GRO\u0308SSE": b""}), "two entries for one name")


def test_a_name_that_ends_at_a_nul_for_some_tools_is_refused() -> None:
    data = make_zip(FILES | {"READMEx.md": b""}).replace(b"READMEx.md", b"README\0.md")
    refused(data, "two names for one entry")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"hostcall.wasm": WASM}, "The archive has no plugin.json."),
        ({"plugin.json": MANIFEST}, "The archive has no file hostcall.wasm, which plugin.json names."),
        (in_folder({"plugin.json": MANIFEST}) | {"hostcall.wasm": WASM}, "must be at the top"),
        ({f"a/b/{name}": data for name, data in FILES.items()}, "must be at the top"),
        ({"PLUGIN.json": MANIFEST, "hostcall.wasm": WASM}, "must be called plugin.json, not PLUGIN.json"),
        (in_folder(FILES) | {"second/README": b""}, "or in its one top-level folder"),
    ],
)
def test_the_two_files_are_where_they_belong(entries: dict[str, bytes], reason: str) -> None:
    refused(make_zip(entries), reason)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (stat.S_IFLNK, "is a symbolic link"),
        (stat.S_IFIFO, "is neither a file nor a folder"),
        (stat.S_IFCHR, "is neither a file nor a folder"),
    ],
)
@pytest.mark.parametrize("name", ["hostcall.wasm", "README"])
def test_links_and_devices_are_refused(name: str, mode: int, reason: str) -> None:
    special = zipfile.ZipInfo(name)
    special.external_attr = (mode | 0o777) << 16
    others = [(other, data) for other, data in FILES.items() if other != name]
    refused(make_zip([*others, (special, b"/etc/passwd")]), f"{name} in the archive {reason}.")


def patch(data: bytes, name: str, offset: int, value: bytes) -> bytes:
    """The archive with another value in the directory's entry of that name (PKWARE's APPNOTE, 4.3.12)."""
    start = data.rindex(name.encode()) - 46
    assert data[start : start + 4] == b"PK\x01\x02"
    return data[: start + offset] + value + data[start + offset + len(value) :]


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_encrypted_entries_are_refused(flag: int) -> None:
    encrypted = patch(make_zip(FILES), "hostcall.wasm", 8, struct.pack("<H", flag))
    refused(encrypted, "hostcall.wasm in the archive is encrypted.")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    refused(make_zip(FILES, method), f"is compressed by method {method}. Use deflate.")


# --- bombs --------------------------------------------------------------------------------------------


def test_a_file_that_unpacks_to_too_much_is_refused() -> None:
    large = patch(make_zip(FILES), "hostcall.wasm", 24, struct.pack("<I", archives.MAX_FILE_BYTES + 1))
    refused(large, "hostcall.wasm in the archive unpacks to more than 33554432 bytes.")


def test_a_file_that_compresses_too_well_is_refused() -> None:
    zeros = bytes(archives.RATIO_FROM_BYTES + 1)
    refused(
        make_zip(FILES | {"zeros": zeros}), "zeros in the archive unpacks to more than 100 times its size."
    )
    assert read_zip(make_zip(FILES | {"zeros": zeros[:-1]})), "a short run of zeros is no bomb"


def test_files_that_unpack_to_too_much_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(FILES)
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", len(MANIFEST) + len(WASM))
    assert read_zip(archive)
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", len(MANIFEST) + len(WASM) - 1)
    refused(archive, "The archive unpacks to more than")


def test_too_many_entries_are_refused_before_the_directory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"{number}": b"" for number in range(archives.MAX_ENTRIES - len(FILES))}
    assert read_zip(make_zip(FILES | many))
    archive = make_zip(FILES | many | {"one more": b""})
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the directory is read"))
    refused(archive, "The archive has more than 1000 entries.")


def test_many_extra_fields_are_refused_before_the_directory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 MB of them would keep zipfile busy for six seconds."""

    def with_extra(entries: int) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number in range(entries):
                entry = zipfile.ZipInfo(f"{number}")
                entry.extra = b"\x99\x99\0\0" * (16 << 10 >> 2)
                archive.writestr(entry, b"")
            for name, content in FILES.items():
                archive.writestr(name, content)
        return packed.getvalue()

    assert read_zip(with_extra(16))
    archive = with_extra(17)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the directory is read"))
    refused(archive, "The archive has more than 262144 bytes of extra fields.")


@pytest.mark.parametrize(
    ("announced", "said"), [(10, "announces 10 bytes, but has"), (len(WASM) + 5, "announces")]
)
def test_the_size_that_counts_is_the_real_one(announced: int, said: str) -> None:
    """zipfile stops at the announced size; here that would be a file of ten bytes with a right checksum."""
    data = patch(make_zip(FILES), "hostcall.wasm", 24, struct.pack("<I", announced))
    refused(data, said)
    refused(patch(data, "hostcall.wasm", 16, struct.pack("<I", 0)), "The archive is damaged: Bad CRC-32")


def test_a_bomb_that_announces_little_is_never_unpacked_whole() -> None:
    bomb = make_zip({"plugin.json": bytes(64 << 20), "hostcall.wasm": WASM})
    data = patch(bomb, "plugin.json", 24, struct.pack("<I", 100))
    refused(data, "plugin.json is larger than 262144 bytes.")


# --- anything -----------------------------------------------------------------------------------------


def test_damaged_archives_are_read_or_refused() -> None:
    rng, small = random.Random(5), make_zip(FILES | {"README": b"Read me. " * 20})
    outcomes = set()
    for _ in range(500):
        data = bytearray(small)
        for _ in range(rng.randint(1, 3)):
            # The directory and the first headers, as most of the rest is one long compressed stream.
            place = rng.choice([rng.randrange(100), rng.randrange(len(data) - 400, len(data))])
            data[place] = rng.choice([0, 1, 0x7F, 0xFF, rng.randrange(256)])
        try:
            read_zip(bytes(data))
            outcomes.add("read")
        except (InvalidBundle, InvalidManifest, InvalidWasm) as problem:
            outcomes.add(type(problem).code)
    assert outcomes >= {"read", "invalid-bundle"}


@pytest.mark.parametrize("what", ["folder", "archive"])
def test_nothing_is_left_on_disk(
    what: str, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    read: Callable[[], object] = {
        "folder": lambda: read_folder(folder),
        "archive": lambda: read_zip(make_zip(FILES)),
    }[what]
    assert read()
    assert sorted(tmp_path.rglob("*")) == before


# --- paths --------------------------------------------------------------------------------------------


def test_a_path_is_a_folder_or_an_archive(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "hostcall.zip"
    archive.write_bytes(make_zip(FILES))
    size = archive.stat().st_size
    assert read_path(folder, 0) == read_path(archive, size)
    with pytest.raises(PayloadTooLarge, match="PLUGIN_MAX_BUNDLE_BYTES"):
        read_path(archive, size - 1)
    with pytest.raises(Problem, match="No such file"):
        read_path(tmp_path / "nothing.zip", size)


def test_the_report_says_what_the_gate_found() -> None:
    found = archives.report(read_zip(make_zip(FILES)))
    assert found["wasm_bytes"] == len(WASM)
    assert found["memory_mb"] == 17 / 16
    assert found["functions"] == ["fetch", "fetch_many"]
    assert [taken["namespace"] for taken in found["imports"]] == ["extism:host/env", "wasi_snapshot_preview1"]
    assert "http_request" in found["imports"][0]["names"]
