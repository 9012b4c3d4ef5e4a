"""The .wasm files of releases, by the SHA-256 of their content, under DATA_DIR/wasm."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from plugins.wasm import read_module
from plugins.wasm_imports import USER_NAMESPACE


class CorruptFile(Exception):
    """The stored bytes are not those that were installed."""


def save_wasm(wasm: bytes) -> str:
    """Stores the bytes and returns their sha256. Storing the same bytes again changes nothing."""
    sha256 = hashlib.sha256(wasm).hexdigest()
    path = wasm_path(sha256)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.part")
        draft.write_bytes(wasm)
        draft.replace(path)  # atomic: a crash leaves the whole file or none
    return sha256


@lru_cache(maxsize=32)
def load_wasm(sha256: str) -> bytes:
    """The stored bytes, checked. Raises CorruptFile or OSError."""
    wasm = wasm_path(sha256).read_bytes()
    if hashlib.sha256(wasm).hexdigest() != sha256:
        raise CorruptFile(sha256)
    return wasm


@lru_cache(maxsize=256)
def host_functions(sha256: str) -> tuple[str, ...]:
    """The names in `extism:host/user` that the stored module imports."""
    imports = read_module(load_wasm(sha256)).imports
    return tuple(sorted({taken.name for taken in imports if taken.namespace == USER_NAMESPACE}))


def wasm_path(sha256: str) -> Path:
    return Path(settings.DATA_DIR) / "wasm" / f"{sha256}.wasm"
