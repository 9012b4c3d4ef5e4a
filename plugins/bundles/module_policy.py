"""Decides, without running it, whether a module may be a plugin: by its imports, exports and memory.

plugins.bundles.wasm refuses malformed modules; this policy refuses well-formed ones that cannot be plugins.
The runtime may still refuse a module that passes both, because it also validates the code, in a worker.
"""

from django.conf import settings

from plugins.bundles.manifest import PluginManifest
from plugins.bundles.wasm import Import, InvalidWasm, Module, read_module
from plugins.bundles.wasm_imports import NAMESPACES, OPERATION_SIGNATURE, USER_NAMESPACE

PAGES_PER_MB = 16
# What the runtime can call: functions that return a status, where 0 is success, or nothing.
FUNCTION_SIGNATURES = {"() -> i32", "() -> ()"}
# What the runtime calls on its own before a function. With any other signature it fails or skips the call.
INITIALISERS = {
    "_initialize": {"() -> ()"},
    "__wasm_call_ctors": {"() -> ()"},
    "_start": {"() -> ()"},
    "hs_init": {"(i32, i32) -> ()", "(i32, i32) -> i32"},
}


def check(wasm: bytes, manifest: PluginManifest, *, operations: frozenset[str]) -> Module:
    """The parsed module, if it may be installed. `operations` are the names of the host API's operations.

    Raises InvalidWasm with what is wrong and how to fix it.
    """
    module = read_module(wasm)
    for imported in module.imports:
        _check_import(imported, operations)
    for name in INITIALISERS.keys() & module.exports.keys():
        _check_signature(name, module.exports[name], INITIALISERS[name])
    for function in manifest.functions:
        if function.name not in module.exports:
            raise InvalidWasm(f"The module does not export {function.name}, which plugin.json declares.")
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
            f"The module imports {imported}. Plugins may import only from "
            f"{', '.join([*NAMESPACES, USER_NAMESPACE])}."
        )
    if imported.name not in known:
        what = "operation of the host API" if imported.namespace == USER_NAMESPACE else "function"
        raise InvalidWasm(f"The module imports {imported}, but there is no such {what}.")
    if imported.signature != known[imported.name]:
        raise InvalidWasm(
            f"The module imports {imported} as {imported.signature}; its signature is {known[imported.name]}."
        )


def _check_signature(name: str, signature: str, allowed: set[str]) -> None:
    if signature not in allowed:
        raise InvalidWasm(
            f"The module exports {name} as {signature}; it must be {' or '.join(sorted(allowed))}."
        )


def _check_memory(module: Module, manifest: PluginManifest) -> None:
    initial_mb = -(-module.memory_pages // PAGES_PER_MB)  # rounded up
    if initial_mb > manifest.limits.memory_mb:
        raise InvalidWasm(
            f"The module starts with {initial_mb} MB of memory, "
            f"but memory_mb in plugin.json is {manifest.limits.memory_mb}."
        )
    if initial_mb > settings.PLUGIN_MAX_MEMORY_MB:
        raise InvalidWasm(
            f"The module starts with {initial_mb} MB of memory; "
            f"this server allows {settings.PLUGIN_MAX_MEMORY_MB} (PLUGIN_MAX_MEMORY_MB)."
        )
