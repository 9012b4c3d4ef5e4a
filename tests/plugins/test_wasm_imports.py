"""The functions that a module may import are those that the runtime has, with its signatures."""

import re
from pathlib import Path

from wasmtime import wat2wasm

from plugins import gate
from plugins.manifest import Function, PluginManifest, Wasm
from plugins.operations import OPERATIONS
from plugins.runtime.process import Job
from plugins.runtime.trial import try_out
from plugins.wasm_imports import NAMESPACES, OPERATION_SIGNATURE, USER_NAMESPACE

MANIFEST = PluginManifest(
    manifest_version=1, name="all", title="All", version="1.0.0", description="Imports everything.",
    license="MIT", wasm=Wasm(path="all.wasm", sha256="0" * 64),
    functions=(Function(name="run", title="Run"),),
)  # fmt: skip


def imported(namespace: str, name: str, signature: str) -> str:
    parameters, results = (re.findall(r"[if]\d\d", part) for part in signature.split("->"))
    types = f"(param {' '.join(parameters)}) (result {' '.join(results)})"
    return f'(import "{namespace}" "{name}" (func {types}))'


def test_a_module_that_imports_all_of_them_starts(tmp_path: Path) -> None:
    taken = NAMESPACES | {USER_NAMESPACE: dict.fromkeys(OPERATIONS, OPERATION_SIGNATURE)}
    imports = [imported(space, name, how) for space, names in taken.items() for name, how in names.items()]
    wasm = bytes(
        wat2wasm(f'(module {" ".join(imports)} (memory 1) (func (export "run") (result i32) i32.const 0))')
    )
    module = gate.check(wasm, MANIFEST, operations=frozenset(OPERATIONS))
    assert len(module.imports) == len(imports)
    job = Job(
        sha256="", wasm=lambda: wasm, function="", payload=b"", config={}, timeout_ms=10_000, max_pages=1024,
        max_output_bytes=0, max_host_calls=0, max_bridge_bytes=0, host_functions=tuple(sorted(OPERATIONS)),
    )  # fmt: skip
    try_out(job, guest_memory_bytes=64 << 20, cache_dir=tmp_path)
