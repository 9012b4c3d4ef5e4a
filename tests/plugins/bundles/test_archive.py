"""Reading bundles from folders and archives: what is accepted, and what is refused before any code runs."""

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
from plugins.bundles import archive
from plugins.bundles.archive import InvalidBundle
from plugins.bundles.bundle import read_folder, read_path, read_zip, report
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


def assert_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidBundle) as raised:
        read_zip(data)
    assert reason in raised.value.detail


# --- folders ------------------------------------------------------------------------------------------


def test_valid_folder_is_read(folder: Path) -> None:
    bundle = read_folder(folder)
    assert bundle.manifest.name == "hostcall"
    assert bundle.wasm == WASM
    assert bundle.module.exports["fetch"] == "() -> i32"


@pytest.mark.parametrize("name", FILES)
def test_error_names_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidBundle, match=name):
        read_folder(folder)


@pytest.mark.parametrize("name", FILES)
def test_symlinks_in_a_folder_are_not_followed(folder: Path, name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(InvalidBundle, match=name):
        read_folder(folder)


def test_oversized_file_is_refused(folder: Path) -> None:
    (folder / "plugin.json").write_bytes(b" " * (256 << 10) + MANIFEST)
    with pytest.raises(InvalidBundle, match=r"plugin\.json is larger than 262144 bytes"):
        read_folder(folder)


def test_wasm_with_a_different_sha256_is_refused(folder: Path) -> None:
    (folder / "hostcall.wasm").write_bytes(WASM + b"\0")
    with pytest.raises(InvalidBundle, match="sha256"):
        read_folder(folder)


def test_module_policy_is_applied(folder: Path) -> None:
    other = WASM.replace(b"fetch_many", b"fetch_none")
    (folder / "hostcall.wasm").write_bytes(other)
    (folder / "plugin.json").write_bytes(manifest(wasm=other))
    with pytest.raises(InvalidWasm, match=r"^hostcall\.wasm: The module does not export fetch_many"):
        read_folder(folder)


# --- archives -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("top", ["", "hostcall-1.0.0/"])
def test_archive_is_read(top: str, method: int) -> None:
    bundle = read_zip(make_zip({f"{top}{name}": data for name, data in FILES.items()}, method))
    assert (bundle.manifest.name, bundle.manifest_data, bundle.wasm) == ("hostcall", MANIFEST, WASM)


def test_archive_with_folder_entries_is_read() -> None:
    assert read_zip(make_zip({"hostcall/": b"", "hostcall/src/": b""} | in_folder(FILES)))


def test_archive_made_by_macos_is_read() -> None:
    extra = {"__MACOSX/hostcall/._plugin.json": b"x", ".DS_Store": b"x", "hostcall/.DS_Store": b"x"}
    assert read_zip(make_zip(in_folder(FILES) | extra))


def test_other_files_are_ignored() -> None:
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
        (b"", "The file does not start like a .zip archive."),
        (WASM, "The file does not start like a .zip archive."),
        (b"#!/bin/sh\n" + make_zip(FILES), "The file does not start like a .zip archive."),
        (make_zip({}), "The archive is empty."),
        (make_zip(FILES)[:-30], "The archive is damaged"),
    ],
    ids=["no data", "a module", "leading data", "empty archive", "truncated"],
)
def test_data_that_is_not_a_usable_archive_is_refused(data: bytes, reason: str) -> None:
    assert_refused(data, reason)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../plugin.json", "an empty segment, “.” or “..”"),
        ("a/../../etc/passwd", "an empty segment, “.” or “..”"),
        ("a/./b", "an empty segment, “.” or “..”"),
        ("a//b", "an empty segment, “.” or “..”"),
        ("/etc/passwd", "an absolute path"),
        ("C:/windows/system.ini", "an absolute path"),
        ("c:system.ini", "an absolute path"),
        ("..\\..\\evil", "contains a backslash"),
        ("src\\lib.rs", "ZIP separates folders by /"),
        ("a\nb", "a control character"),
        ("a" * 256, "has 256 characters; the limit is 255"),
        ("inner.zip", "inner.zip is an archive inside the archive."),
        ("src/vendor.TAR.gz", "src/vendor.TAR.gz is an archive"),
        ("README", "have the same name on some systems"),
        ("readme", "have the same name on some systems: 'README', 'readme'"),
        ("README/", "have the same name on some systems"),
        ("src/plugin.json", "several manifests: plugin.json, src/plugin.json"),
        ("Plugin.JSON", "have the same name on some systems"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_unsafe_on_some_system_are_refused(name: str, reason: str) -> None:
    assert_refused(make_zip([*FILES.items(), ("README", b""), (name, b"x")]), reason)


def test_names_equal_after_unicode_normalization_collide() -> None:
    assert_refused(
        make_zip(FILES | {"gr\u00f6\u00dfe": b"", "GRO\u0308SSE": b""}), "the same name on some systems"
    )


def test_name_that_some_tools_cut_at_a_nul_is_refused() -> None:
    data = make_zip(FILES | {"READMEx.md": b""}).replace(b"READMEx.md", b"README\0.md")
    assert_refused(data, "gives one entry two names")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"hostcall.wasm": WASM}, "The archive has no plugin.json."),
        ({"plugin.json": MANIFEST}, "The archive has no file hostcall.wasm, which plugin.json names."),
        (in_folder({"plugin.json": MANIFEST}) | {"hostcall.wasm": WASM}, "must be at the top"),
        ({f"a/b/{name}": data for name, data in FILES.items()}, "must be at the top"),
        ({"PLUGIN.json": MANIFEST, "hostcall.wasm": WASM}, "must be named plugin.json, not PLUGIN.json"),
        (in_folder(FILES) | {"second/README": b""}, "or in its only top-level folder"),
    ],
)
def test_missing_or_misplaced_files_are_refused(entries: dict[str, bytes], reason: str) -> None:
    assert_refused(make_zip(entries), reason)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (stat.S_IFLNK, "is a symbolic link"),
        (stat.S_IFIFO, "is not a regular file or folder"),
        (stat.S_IFCHR, "is not a regular file or folder"),
    ],
)
@pytest.mark.parametrize("name", ["hostcall.wasm", "README"])
def test_symlinks_and_devices_in_an_archive_are_refused(name: str, mode: int, reason: str) -> None:
    special = zipfile.ZipInfo(name)
    special.external_attr = (mode | 0o777) << 16
    others = [(other, data) for other, data in FILES.items() if other != name]
    assert_refused(make_zip([*others, (special, b"/etc/passwd")]), f"{name} in the archive {reason}.")


def patch(data: bytes, name: str, offset: int, value: bytes) -> bytes:
    """The archive with a changed field in the directory entry for `name` (PKWARE's APPNOTE, 4.3.12)."""
    start = data.rindex(name.encode()) - 46
    assert data[start : start + 4] == b"PK\x01\x02"
    return data[: start + offset] + value + data[start + offset + len(value) :]


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_encrypted_entries_are_refused(flag: int) -> None:
    encrypted = patch(make_zip(FILES), "hostcall.wasm", 8, struct.pack("<H", flag))
    assert_refused(encrypted, "hostcall.wasm in the archive is encrypted.")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods_are_refused(method: int) -> None:
    assert_refused(make_zip(FILES, method), f"uses compression method {method}. Use deflate.")


# --- zip bombs ----------------------------------------------------------------------------------------


def test_file_that_unpacks_over_the_limit_is_refused() -> None:
    large = patch(make_zip(FILES), "hostcall.wasm", 24, struct.pack("<I", archive.MAX_FILE_BYTES + 1))
    assert_refused(large, "hostcall.wasm in the archive unpacks to more than 33554432 bytes.")


def test_file_over_the_compression_ratio_is_refused() -> None:
    zeros = bytes(archive.RATIO_FROM_BYTES + 1)
    assert_refused(
        make_zip(FILES | {"zeros": zeros}), "zeros in the archive unpacks to more than 100 times its size."
    )
    assert read_zip(make_zip(FILES | {"zeros": zeros[:-1]})), "a short run of zeros is not a bomb"


def test_archive_that_unpacks_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_zip(FILES)
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", len(MANIFEST) + len(WASM))
    assert read_zip(data)
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", len(MANIFEST) + len(WASM) - 1)
    assert_refused(data, "The archive unpacks to more than")


def test_too_many_entries_are_refused_before_zipfile_reads_the_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = {f"{number}": b"" for number in range(archive.MAX_ENTRIES - len(FILES))}
    assert read_zip(make_zip(FILES | many))
    data = make_zip(FILES | many | {"one more": b""})
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the directory is read"))
    assert_refused(data, "The archive has more than 1000 entries.")


def test_too_many_extra_fields_are_refused_before_zipfile_reads_the_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """zipfile takes six seconds for 40 MB of them."""

    def with_extra(entries: int) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for number in range(entries):
                entry = zipfile.ZipInfo(f"{number}")
                entry.extra = b"\x99\x99\0\0" * (16 << 10 >> 2)
                file.writestr(entry, b"")
            for name, content in FILES.items():
                file.writestr(name, content)
        return buffer.getvalue()

    assert read_zip(with_extra(16))
    data = with_extra(17)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the directory is read"))
    assert_refused(data, "The archive has more than 262144 bytes of extra fields.")


@pytest.mark.parametrize("stated_bytes", [10, len(WASM) + 5])
def test_file_whose_actual_size_differs_is_refused(stated_bytes: int) -> None:
    """zipfile stops at the stated size; here that would be a file of ten bytes with a correct checksum."""
    data = patch(make_zip(FILES), "hostcall.wasm", 24, struct.pack("<I", stated_bytes))
    assert_refused(data, f"states {stated_bytes} bytes for hostcall.wasm, which has {len(WASM)}.")
    assert_refused(
        patch(data, "hostcall.wasm", 16, struct.pack("<I", 0)), "The archive is damaged: Bad CRC-32"
    )


def test_zip_bomb_that_states_a_small_size_is_not_unpacked_completely() -> None:
    bomb = make_zip({"plugin.json": bytes(64 << 20), "hostcall.wasm": WASM})
    data = patch(bomb, "plugin.json", 24, struct.pack("<I", 100))
    assert_refused(data, "plugin.json is larger than 262144 bytes.")


# --- arbitrary damage ---------------------------------------------------------------------------------


def test_damaged_archive_raises_nothing_but_a_problem() -> None:
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


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_reading_leaves_nothing_on_disk(
    kind: str, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    read: Callable[[], object] = {
        "folder": lambda: read_folder(folder),
        "archive": lambda: read_zip(make_zip(FILES)),
    }[kind]
    assert read()
    assert sorted(tmp_path.rglob("*")) == before


# --- paths --------------------------------------------------------------------------------------------


def test_path_may_be_a_folder_or_an_archive(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "hostcall.zip"
    path.write_bytes(make_zip(FILES))
    size = path.stat().st_size
    assert read_path(folder, 0) == read_path(path, size)
    with pytest.raises(PayloadTooLarge, match="PLUGIN_MAX_BUNDLE_BYTES"):
        read_path(path, size - 1)
    with pytest.raises(Problem, match="No such file"):
        read_path(tmp_path / "nothing.zip", size)


def test_report_describes_the_bundle() -> None:
    described = report(read_zip(make_zip(FILES)))
    assert described["wasm_bytes"] == len(WASM)
    assert described["memory_mb"] == 17 / 16
    assert described["functions"] == ["fetch", "fetch_many"]
    assert [entry["namespace"] for entry in described["imports"]] == [
        "extism:host/env",
        "wasi_snapshot_preview1",
    ]
    assert "http_request" in described["imports"][0]["names"]
