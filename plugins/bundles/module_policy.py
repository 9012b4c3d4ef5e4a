"""Decides whether a module may be a plugin, without running it: imports, exports, memory.

plugins.bundles.wasm refuses malformed modules; this refuses well-formed modules that are not plugins. The
runtime may still refuse either: it validates the code itself, in a worker.
"""

from django.conf import settings

from plugins.bundles.manifest import PluginManifest
from plugins.bundles.wasm import Import, InvalidWasm, Module, read_module
from plugins.bundles.wasm_imports import NAMESPACES, OPERATION_SIGNATURE, USER_NAMESPACE

PAGES_PER_MB = 16
# What the runtime can call: a status, 0 for success, or nothing.
FUNCTION_SIGNATURES = {"() -> i32", "() -> ()"}
# What the runtime calls by itself before a function; with other signatures it fails, or leaves them out.
INITIALISERS = {
    "_initialize": {"() -> ()"},
    "__wasm_call_ctors": {"() -> ()"},
    "_start": {"() -> ()"},
    "hs_init": {"(i32, i32) -> ()", "(i32, i32) -> i32"},
}


def check(wasm: bytes, manifest: PluginManifest, *, operations: frozenset[str]) -> Module:
    """What the module takes and gives, if it may be installed. `operations` are the host API's.

    Raises InvalidWasm with what is wrong and how to mend it.
    """
    module = read_module(wasm)
    for imported in module.imports:
        _check_import(imported, operations)
    for name in INITIALISERS.keys() & module.exports.keys():
        _check_signature(name, module.exports[name], INITIALISERS[name])
    for function in manifest.functions:
        if function.name not in module.exports:
            raise InvalidWasm(f"It does not export {function.name}, which plugin.json declares.")
        _check_signature(function.name, module.exports[function.name], FUNCTION_SIGNATURES)
    _check_memory(module, manifest)
    return module


def _check_import(imported: Import, operations: frozenset[str]) -> None:
    if imported.namespace == USER_NAMESPACE:
        known = dict.fromkeys(operations, OPERATION_SIGNATURE)
    elif imported.namespace in NAMESPACES:
        known = NAMESPACES[imported.namespace]
    else:
        raise InvalidWasm(
            f"It imports {imported}. Plugins may import from {', '.join([*NAMESPACES, USER_NAMESPACE])} only."
        )
    if imported.name not in known:
        what = "operation of the host API" if imported.namespace == USER_NAMESPACE else "function"
        raise InvalidWasm(f"It imports {imported}: there is no such {what}.")
    if imported.signature != known[imported.name]:
        raise InvalidWasm(f"It imports {imported} as {imported.signature}; it is {known[imported.name]}.")


def _check_signature(name: str, signature: str, allowed: set[str]) -> None:
    if signature not in allowed:
        raise InvalidWasm(f"It exports {name} as {signature}; it must be {' or '.join(sorted(allowed))}.")


def _check_memory(module: Module, manifest: PluginManifest) -> None:
    wanted, asked, allowed = (
        -(-module.memory_pages // PAGES_PER_MB),  # rounded up
        manifest.limits.memory_mb,
        settings.PLUGIN_MAX_MEMORY_MB,
    )
    if wanted > asked:
        raise InvalidWasm(f"It begins with {wanted} MB of memory, but plugin.json has memory_mb {asked}.")
    if wanted > allowed:
        raise InvalidWasm(
            f"It begins with {wanted} MB of memory; this server allows {allowed} (PLUGIN_MAX_MEMORY_MB)."
        )
