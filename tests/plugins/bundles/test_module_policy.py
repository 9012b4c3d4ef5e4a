"""The upload gate: what a module may import, export and begin with. The runtime is asked as well."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.operations import OPERATIONS
from plugins.bundles import module_policy
from plugins.bundles.manifest import Function, Limits, PluginManifest, Wasm
from plugins.bundles.wasm import InvalidWasm, Module
from plugins.bundles.wasm_imports import (
    EXTISM,
    EXTISM_NAMESPACE,
    OPERATION_SIGNATURE,
    USER_NAMESPACE,
    WASI,
    WASI_NAMESPACE,
)
from plugins.runtime.job import JobResult
from plugins.runtime.protocol import Failure, Result
from tests import runtime
from tests.plugins.bundles import wasm_builder as build
from tests.plugins.bundles.mutations import mutants

RUN = {"run": "() -> i32"}
EVERYTHING = [
    *((EXTISM_NAMESPACE, name, signature) for name, signature in EXTISM.items()),
    *((WASI_NAMESPACE, name, signature) for name, signature in WASI.items()),
    *((USER_NAMESPACE, name, OPERATION_SIGNATURE) for name in OPERATIONS),
]


def check(module: bytes, *, memory_mb: int = 64, functions: tuple[str, ...] = ("run",)) -> Module:
    manifest = PluginManifest(
        manifest_version=1,
        name="made",
        title="Made",
        version="1.0.0",
        description="Made by hand.",
        license="MIT",
        wasm=Wasm(path="made.wasm", sha256=""),
        functions=tuple(Function(name=name, title=name) for name in functions),
        limits=Limits(memory_mb=memory_mb),
    )
    return module_policy.check(module, manifest, operations=frozenset(OPERATIONS))


def refused(module: bytes, reason: str, **options: Any) -> None:
    with pytest.raises(InvalidWasm, match=re.escape(reason)):
        check(module, **options)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    """Runs a module's function `run` in a real worker: its output, or the text of its failure."""
    pool = runtime.RunningPool(tmp_path / "cache")

    def run(module: bytes) -> bytes | str:
        job = runtime.make_job(module.hex()[-64:], lambda: module)
        answer, _queue_ms = pool.run(job)
        assert isinstance(answer, JobResult)
        if isinstance(answer.reply, Failure):
            return answer.reply.message
        assert isinstance(answer.reply, Result)
        return answer.reply.output

    yield run
    pool.shut_down()


# --- imports ------------------------------------------------------------------------------------------


def test_everything_that_may_be_imported_is_there_at_run_time(run: Any) -> None:
    module = build.module(imports=EVERYTHING, functions=RUN)
    assert len(check(module).imports) == len(EXTISM) + 46 + len(OPERATIONS)
    assert run(module) == b""


@pytest.mark.parametrize(
    ("namespace", "name"),
    [("env", "abort"), ("wasi_unstable", "fd_write"), ("extism:host/compute", "x"), ("", "")],
)
def test_other_namespaces_are_refused(namespace: str, name: str) -> None:
    module = build.module(imports=[(namespace, name, "() -> ()")], functions=RUN)
    refused(module, f"It imports {namespace}.{name}. Plugins may import from extism:host/env, wasi_snapshot")


@pytest.mark.parametrize("namespace", [EXTISM_NAMESPACE, WASI_NAMESPACE])
def test_unknown_functions_of_known_namespaces_are_refused(namespace: str) -> None:
    module = build.module(imports=[(namespace, "exec", "() -> ()")], functions=RUN)
    refused(module, f"It imports {namespace}.exec: there is no such function.")


def test_only_operations_are_imported_as_host_functions() -> None:
    module = build.module(imports=[(USER_NAMESPACE, "db_drop_users", "(i64) -> i64")], functions=RUN)
    refused(module, "It imports extism:host/user.db_drop_users: there is no such operation of the host API.")


@pytest.mark.parametrize(
    ("namespace", "name", "right"),
    [
        (EXTISM_NAMESPACE, "http_request", "(i64, i64) -> i64"),
        (WASI_NAMESPACE, "fd_seek", "(i32, i64, i32, i32) -> i32"),
        (USER_NAMESPACE, "kv_get", "(i64) -> i64"),
    ],
)
def test_imports_have_the_right_signature(namespace: str, name: str, right: str) -> None:
    module = build.module(imports=[(namespace, name, "(i32) -> ()")], functions=RUN)
    refused(module, f"It imports {namespace}.{name} as (i32) -> (); it is {right}.")


# --- exports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["() -> i32", "() -> ()"])
def test_functions_that_the_runtime_can_call_are_allowed(run: Any, signature: str) -> None:
    module = build.module(functions={"run": signature})
    assert check(module)
    assert run(module) == b""


@pytest.mark.parametrize("signature", ["() -> i64", "(i32) -> i32", "(i32, i32) -> ()"])
def test_functions_that_the_runtime_cannot_call_are_refused(run: Any, signature: str) -> None:
    module = build.module(functions={"run": signature})
    refused(module, f"It exports run as {signature}; it must be () -> () or () -> i32.")
    assert isinstance(run(module), str)


def test_declared_functions_are_exported() -> None:
    refused(
        build.module(functions={"walk": "() -> i32"}), "It does not export run, which plugin.json declares."
    )
    memory = build.vector([build.name("run") + b"\2\0"])
    exported = build.module(functions=RUN, replaced={build.MEMORY: b"\1\0\1", build.EXPORT: memory})
    refused(exported, "It does not export run")


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("_initialize", "() -> ()"),
        ("__wasm_call_ctors", "() -> ()"),
        ("_start", "() -> ()"),
        ("hs_init", "(i32, i32) -> ()"),
        ("hs_init", "(i32, i32) -> i32"),
    ],
)
def test_initialisers_are_allowed_as_the_runtime_calls_them(run: Any, name: str, signature: str) -> None:
    module = build.module(functions={**RUN, name: signature})
    assert check(module)
    assert run(module) == b""
    refused(build.module(functions={**RUN, name: "() -> i32"}), f"It exports {name} as () -> i32; it must be")


# --- memory -------------------------------------------------------------------------------------------


def test_the_first_memory_fits_the_manifests_limit() -> None:
    def pages(count: int) -> bytes:
        return build.module(functions=RUN, replaced={build.MEMORY: build.vector([build.limits(count)])})

    assert check(pages(64 * 16), memory_mb=64)
    refused(pages(64 * 16 + 1), "It begins with 65 MB of memory, but plugin.json has memory_mb 64.")


def test_the_first_memory_fits_the_servers_limit(settings: Any) -> None:
    settings.PLUGIN_MAX_MEMORY_MB = 8
    module = build.module(functions=RUN, replaced={build.MEMORY: build.vector([build.limits(9 * 16)])})
    refused(module, "It begins with 9 MB of memory; this server allows 8 (PLUGIN_MAX_MEMORY_MB).")


# --- damage -------------------------------------------------------------------------------------------


def test_ten_thousand_damaged_modules_pass_or_are_refused() -> None:
    passed = 0
    for mutant in mutants(10_000, seed=4):
        try:
            check(mutant, functions=())
            passed += 1
        except InvalidWasm as problem:
            assert problem.detail
    assert 1_000 < passed < 9_000, "damage that is never or always seen tests nothing"


def test_the_same_seed_gives_the_same_damage() -> None:
    assert list(mutants(20, seed=1)) == list(mutants(20, seed=1))
    assert list(mutants(20, seed=1)) != list(mutants(20, seed=2))
