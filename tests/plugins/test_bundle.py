"""Bundles and the .wasm in them, before anything is run."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.bundle import InvalidBundle, read_folder
from plugins.wasm import InvalidWasm, read_module
from tests.conftest import ROOT

ECHO = ROOT / "wasm-plugins" / "fixtures" / "hostcall"
WASM = (ECHO / "hostcall.wasm").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for name in ("plugin.json", "hostcall.wasm"):
        shutil.copy(ECHO / name, copy / name)
    return copy


def set_wasm(folder: Path, wasm: bytes) -> None:
    (folder / "hostcall.wasm").write_bytes(wasm)
    manifest = json.loads((folder / "plugin.json").read_text())
    manifest["wasm"]["sha256"] = hashlib.sha256(wasm).hexdigest()
    (folder / "plugin.json").write_text(json.dumps(manifest))


def test_a_good_bundle_is_read(folder: Path) -> None:
    bundle = read_folder(folder)
    assert bundle.manifest.name == "hostcall"
    assert bundle.wasm == WASM


@pytest.mark.parametrize("name", ["plugin.json", "hostcall.wasm"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidBundle, match=name):
        read_folder(folder)


@pytest.mark.parametrize("name", ["plugin.json", "hostcall.wasm"])
def test_links_are_not_followed(folder: Path, name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(InvalidBundle, match=name):
        read_folder(folder)


def test_other_bytes_than_the_manifest_names_are_refused(folder: Path) -> None:
    (folder / "hostcall.wasm").write_bytes(WASM + b"\0")
    with pytest.raises(InvalidBundle, match="sha256"):
        read_folder(folder)


def test_a_declared_function_must_be_exported(folder: Path) -> None:
    set_wasm(folder, WASM.replace(b"fetch_many", b"fetch_none"))
    with pytest.raises(InvalidWasm, match="fetch_many"):
        read_folder(folder)


@pytest.mark.parametrize(
    "wasm",
    [
        b"",
        b"\0asm",
        b"\0asm\x02\0\0\0",
        b'{"wasm":[{"path":"/etc/passwd"}]}',
        WASM[:1000],
        WASM[:8] + b"\x07\xff\xff",
    ],
    ids=["empty", "short", "version 2", "an Extism manifest", "cut short", "damaged"],
)
def test_what_is_no_webassembly_is_refused(folder: Path, wasm: bytes) -> None:
    set_wasm(folder, wasm)
    with pytest.raises(InvalidWasm):
        read_folder(folder)


def test_exports_are_read_without_running_anything() -> None:
    module = read_module(WASM)
    assert {"fetch", "fetch_many"} <= module.exports
    assert ("extism:host/env", "http_request") in module.imports
    assert {namespace for namespace, _ in module.imports} <= {"extism:host/env", "wasi_snapshot_preview1"}


@given(st.binary(max_size=300))
def test_any_bytes_after_the_header_are_read_or_refused(tail: bytes) -> None:
    try:
        read_module(b"\0asm\x01\0\0\0" + tail)
    except InvalidWasm as problem:
        assert problem.detail
