"""Stores the .wasm files of releases under DATA_DIR/wasm, named by the SHA-256 of their content."""

import fcntl
import hashlib
import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from plugins.bundles.wasm import InvalidWasm, read_module
from plugins.bundles.wasm_imports import NAMESPACES, USER_NAMESPACE


class CorruptFile(Exception):
    """The stored bytes are not the ones that were installed."""


@contextmanager
def changing() -> Iterator[None]:
    """A lock, across all processes, for changing files and the releases that use them together.

    Take it before opening a transaction, never inside one: its holder may be waiting for the database.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def save_wasm(wasm: bytes) -> str:
    """Stores the bytes and returns their sha256. Storing the same bytes again changes nothing.

    Call it under `changing`.
    """
    sha256 = hashlib.sha256(wasm).hexdigest()
    path = wasm_path(sha256)
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}.part")
        draft.write_bytes(wasm)
        draft.replace(path)  # atomic: a crash leaves either the whole file or none
    return sha256


def keep_only(used: Container[str]) -> None:
    """Deletes files whose sha256 is not in `used`, and those that a crash left half-written.

    Call it under `changing`.
    """
    for path in _folder().glob("*.*"):
        if path.suffix == ".part" or (path.suffix == ".wasm" and path.stem not in used):
            path.unlink(missing_ok=True)
    load_wasm.cache_clear()


@lru_cache(maxsize=32)
def load_wasm(sha256: str) -> bytes:
    """The stored bytes, after checking their digest. Raises CorruptFile or OSError."""
    wasm = wasm_path(sha256).read_bytes()
    if hashlib.sha256(wasm).hexdigest() != sha256:
        raise CorruptFile(sha256)
    return wasm


@lru_cache(maxsize=256)
def imports(sha256: str) -> tuple[tuple[str, str], ...]:
    """What the stored module imports, as pairs of namespace and name.

    An earlier version may have installed a module that today's policy refuses. For such a module, these are
    all known imports except operations; its worker still withholds what it may not use.
    """
    try:
        return read_module(load_wasm(sha256)).import_names
    except InvalidWasm:
        return tuple((namespace, name) for namespace, names in NAMESPACES.items() for name in names)


def host_functions(sha256: str) -> list[str]:
    """The operations that the stored module imports from `extism:host/user`."""
    return [name for namespace, name in imports(sha256) if namespace == USER_NAMESPACE]


def wasm_path(sha256: str) -> Path:
    return _folder() / f"{sha256}.wasm"


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "wasm"
