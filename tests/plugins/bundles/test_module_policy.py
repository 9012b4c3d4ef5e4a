"""Which imports, exports and initial memory a module may have; the real runtime confirms the signatures."""

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
        name="sample",
        title="Sample",
        version="1.0.0",
        description="Built by the tests.",
        license="MIT",
        wasm=Wasm(path="sample.wasm", sha256=""),
        functions=tuple(Function(name=name, title=name) for name in functions),
        limits=Limits(memory_mb=memory_mb),
    )
    return module_policy.check(module, manifest, operations=frozenset(OPERATIONS))


def assert_refused(module: bytes, reason: str, **options: Any) -> None:
    with pytest.raises(InvalidWasm, match=re.escape(reason)):
        check(module, **options)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    """Runs a module's function `run` in a real worker and returns its output or its error text."""
    pool = runtime.RunningPool(tmp_path / "cache")

    def run(module: bytes) -> bytes | str:
        job = runtime.make_job(module.hex()[-64:], lambda: module)
        result, _queue_ms = pool.run(job)
        assert isinstance(result, JobResult)
        if isinstance(result.reply, Failure):
            return result.reply.message
        assert isinstance(result.reply, Result)
        return result.reply.output

    yield run
    pool.shut_down()


# --- imports ------------------------------------------------------------------------------------------


def test_every_allowed_import_exists_at_run_time(run: Any) -> None:
    module = build.module(imports=EVERYTHING, functions=RUN)
    assert len(check(module).imports) == len(EXTISM) + 46 + len(OPERATIONS)
    assert run(module) == b""


@pytest.mark.parametrize(
    ("namespace", "name"),
    [("env", "abort"), ("wasi_unstable", "fd_write"), ("extism:host/compute", "x"), ("", "")],
)
def test_other_namespaces_are_refused(namespace: str, name: str) -> None:
    module = build.module(imports=[(namespace, name, "() -> ()")], functions=RUN)
    assert_refused(
        module, f"The module imports {namespace}.{name}. Plugins may import only from extism:host/env, "
    )


@pytest.mark.parametrize("namespace", [EXTISM_NAMESPACE, WASI_NAMESPACE])
def test_unknown_functions_of_known_namespaces_are_refused(namespace: str) -> None:
    module = build.module(imports=[(namespace, "exec", "() -> ()")], functions=RUN)
    assert_refused(module, f"The module imports {namespace}.exec, but there is no such function.")


def test_user_namespace_offers_only_operations() -> None:
    module = build.module(imports=[(USER_NAMESPACE, "db_drop_users", "(i64) -> i64")], functions=RUN)
    assert_refused(
        module, "The module imports extism:host/user.db_drop_users, but there is no such operation"
    )


@pytest.mark.parametrize(
    ("namespace", "name", "right"),
    [
        (EXTISM_NAMESPACE, "http_request", "(i64, i64) -> i64"),
        (WASI_NAMESPACE, "fd_seek", "(i32, i64, i32, i32) -> i32"),
        (USER_NAMESPACE, "kv_get", "(i64) -> i64"),
    ],
)
def test_import_with_a_wrong_signature_is_refused(namespace: str, name: str, right: str) -> None:
    module = build.module(imports=[(namespace, name, "(i32) -> ()")], functions=RUN)
    assert_refused(module, f"The module imports {namespace}.{name} as (i32) -> (); its signature is {right}.")


# --- exports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["() -> i32", "() -> ()"])
def test_functions_that_the_runtime_can_call_are_allowed(run: Any, signature: str) -> None:
    module = build.module(functions={"run": signature})
    assert check(module)
    assert run(module) == b""


@pytest.mark.parametrize("signature", ["() -> i64", "(i32) -> i32", "(i32, i32) -> ()"])
def test_functions_that_the_runtime_cannot_call_are_refused(run: Any, signature: str) -> None:
    module = build.module(functions={"run": signature})
    assert_refused(module, f"The module exports run as {signature}; it must be () -> () or () -> i32.")
    assert isinstance(run(module), str)


def test_declared_function_must_be_exported() -> None:
    assert_refused(
        build.module(functions={"walk": "() -> i32"}),
        "The module does not export run, which plugin.json declares.",
    )
    memory = build.vector([build.name("run") + b"\2\0"])
    exported = build.module(functions=RUN, replaced={build.MEMORY: b"\1\0\1", build.EXPORT: memory})
    assert_refused(exported, "The module does not export run")


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
def test_initialiser_must_have_the_signature_that_the_runtime_calls(
    run: Any, name: str, signature: str
) -> None:
    module = build.module(functions={**RUN, name: signature})
    assert check(module)
    assert run(module) == b""
    assert_refused(
        build.module(functions={**RUN, name: "() -> i32"}),
        f"The module exports {name} as () -> i32; it must be",
    )


# --- memory -------------------------------------------------------------------------------------------


def test_initial_memory_over_the_manifests_limit_is_refused() -> None:
    def pages(count: int) -> bytes:
        return build.module(functions=RUN, replaced={build.MEMORY: build.vector([build.limits(count)])})

    assert check(pages(64 * 16), memory_mb=64)
    assert_refused(
        pages(64 * 16 + 1), "The module starts with 65 MB of memory, but memory_mb in plugin.json is 64."
    )


def test_initial_memory_over_the_servers_limit_is_refused(settings: Any) -> None:
    settings.PLUGIN_MAX_MEMORY_MB = 8
    module = build.module(functions=RUN, replaced={build.MEMORY: build.vector([build.limits(9 * 16)])})
    assert_refused(
        module, "The module starts with 9 MB of memory; this server allows 8 (PLUGIN_MAX_MEMORY_MB)."
    )


# --- damage -------------------------------------------------------------------------------------------


def test_damaged_module_passes_or_raises_invalid_wasm() -> None:
    passed = 0
    for mutant in mutants(10_000, seed=4):
        try:
            check(mutant, functions=())
            passed += 1
        except InvalidWasm as problem:
            assert problem.detail
    assert 1_000 < passed < 9_000, "a check that accepts or refuses everything proves nothing"


def test_mutants_are_reproducible_by_seed() -> None:
    assert list(mutants(20, seed=1)) == list(mutants(20, seed=1))
    assert list(mutants(20, seed=1)) != list(mutants(20, seed=2))
