"""The functions that a module may import exist in the runtime, with the same signatures."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from wasmtime import wat2wasm

from core.operations import OPERATIONS
from plugins.bundles import module_policy
from plugins.bundles.manifest import Function, PluginManifest, Wasm
from plugins.bundles.wasm_imports import NAMESPACES, OPERATION_SIGNATURE, USER_NAMESPACE, WASI_NAMESPACE
from plugins.runtime.job import Job
from plugins.runtime.protocol import Failure, GuestRequest, HostReply, HostRequest, Result
from plugins.runtime.trial import try_out
from tests.runtime import RunningPool, make_job
from tests.server import ROOT

HOSTCALL = ROOT / "wasm-plugins" / "fixtures" / "hostcall" / "hostcall.wasm"

MANIFEST = PluginManifest(
    manifest_version=1, name="all", title="All", version="1.0.0", description="Imports everything.",
    license="MIT", wasm=Wasm(path="all.wasm", sha256="0" * 64),
    functions=(Function(name="run", title="Run"),),
)  # fmt: skip


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[RunningPool]:
    pool = RunningPool(tmp_path / "cache")
    yield pool
    pool.shut_down()


def imported(namespace: str, name: str, signature: str) -> str:
    parameters, results = (re.findall(r"[if]\d\d", part) for part in signature.split("->"))
    types = f"(param {' '.join(parameters)}) (result {' '.join(results)})"
    return f'(import "{namespace}" "{name}" (func {types}))'


def test_module_importing_every_function_starts(tmp_path: Path) -> None:
    available = NAMESPACES | {USER_NAMESPACE: dict.fromkeys(OPERATIONS, OPERATION_SIGNATURE)}
    imports = [
        imported(space, name, how) for space, names in available.items() for name, how in names.items()
    ]
    wasm = bytes(
        wat2wasm(f'(module {" ".join(imports)} (memory 1) (func (export "run") (result i32) i32.const 0))')
    )
    module = module_policy.check(wasm, MANIFEST, operations=frozenset(OPERATIONS))
    assert len(module.imports) == len(imports)
    job = Job(
        sha256="", wasm=lambda: wasm, function="", timeout_ms=10_000, max_pages=1024, max_output_bytes=0,
        max_host_calls=0, max_bridge_bytes=0, imports=module.import_names,
    )  # fmt: skip
    asyncio.run(try_out(job, guest_memory_bytes=64 << 20, cache_dir=tmp_path))


def test_host_handles_http_even_if_the_import_list_omits_it(pool: RunningPool) -> None:
    """Whether a guest gets libextism's own HTTP must not depend on the parsed import list."""
    fetch = make_job("hostcall", HOSTCALL.read_bytes, "fetch", b'{"url":"http://hostbridge.invalid/x"}')
    asked: list[GuestRequest] = []

    def answer(request: GuestRequest, deadline: float) -> HostReply:
        asked.append(request)
        return HostReply(request.call_id, 200, {}, b"the host's")

    without_http = tuple(each for each in fetch.imports if not each[1].startswith("http_"))
    assert without_http != fetch.imports
    result, _ = pool.run(replace(fetch, imports=without_http), answer)
    assert isinstance(result.reply, Result)
    assert [request.url for request in asked if isinstance(request, HostRequest)] == [
        "http://hostbridge.invalid/x"
    ]


def test_wasi_is_offered_only_to_modules_that_import_it(pool: RunningPool) -> None:
    fetch = make_job("hostcall", HOSTCALL.read_bytes, "fetch", b'{"url":"http://hostbridge.invalid/x"}')
    without_wasi = tuple(each for each in fetch.imports if each[0] != WASI_NAMESPACE)
    assert without_wasi != fetch.imports
    answer, _ = pool.run(replace(fetch, imports=without_wasi))
    assert isinstance(answer.reply, Failure)
    assert "wasi_snapshot_preview1" in answer.reply.message
