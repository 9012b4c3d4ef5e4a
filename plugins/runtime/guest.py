"""A compiled module and its instances, through libextism's C API.

The extism package's own classes do not support fuel, send the module through base64, fail on error texts that
are not UTF-8, and copy an output before its length can be checked.
"""

import json
from typing import Any

from extism import extism  # the package does not export CompiledPlugin
from extism_sys import ffi, lib

from plugins.bundles.wasm_imports import WASI_NAMESPACE
from plugins.runtime.protocol import MAX_MESSAGE, FailureKind, Load


class Module(extism.CompiledPlugin):  # type: ignore[misc]  # the package has no types
    """A compiled module with the host functions that its instances may call."""

    def __init__(self, frame: Load, functions: list[extism.Function]) -> None:
        """Raises extism.Error."""
        wasm = ffi.from_buffer(frame.wasm)
        manifest = {
            "wasm": [{"data": {"ptr": int(ffi.cast("uintptr_t", wasm)), "len": len(frame.wasm)}}],
            "memory": {
                "max_pages": frame.max_pages,
                "max_var_bytes": 1 << 20,
                "max_http_response_bytes": 4 << 20,
            },
            "allowed_hosts": [],
        }
        raw = json.dumps(manifest).encode()
        self.functions = functions  # referenced here because instances call them
        metadata = [extism._ExtismFunctionMetadata(function) for function in functions]
        pointers = ffi.new("ExtismFunction*[]", [each.pointer for each in metadata])
        error = ffi.new("char**")
        # Linking WASI takes as long as everything else in making a small instance, so it is linked only for
        # modules that import it. If `imports` were wrong, instantiation would fail: it need not be trusted.
        wasi = any(namespace == WASI_NAMESPACE for namespace, _ in frame.imports)
        arguments = raw, len(raw), pointers, len(metadata), wasi
        if frame.fuel:
            self.pointer = lib.extism_compiled_plugin_new_with_fuel_limit(*arguments, frame.fuel, error)
        else:
            self.pointer = lib.extism_compiled_plugin_new(*arguments, error)
        if self.pointer == ffi.NULL:
            raise _take_error(error)


class Instance:
    """An instance of a module, with its own memory, globals and variables, for one call."""

    def __init__(self, module: Module, config: bytes) -> None:
        """Runs the module's start function. Raises extism.Error."""
        self.module = module  # the module must outlive its instances
        error = ffi.new("char**")
        self.pointer = lib.extism_plugin_new_from_compiled(module.pointer, error)
        if self.pointer == ffi.NULL:
            raise _take_error(error)
        lib.extism_plugin_config(self.pointer, config, len(config))

    def __del__(self) -> None:
        if self.pointer != ffi.NULL:
            lib.extism_plugin_free(self.pointer)

    def call(self, function: str, payload: bytes, max_output_bytes: int) -> bytes | tuple[FailureKind, str]:
        """The function's output, or the kind of failure and its message."""
        code = lib.extism_plugin_call(self.pointer, function.encode(), payload, len(payload))
        error = lib.extism_plugin_error(self.pointer)
        if error != ffi.NULL:
            return classify(ffi.string(error, MAX_MESSAGE).decode(errors="replace"))
        if code != 0:
            return "guest_error", f"The plugin returned the error code {code} and no text."
        size = lib.extism_plugin_output_length(self.pointer)
        if size > max_output_bytes:
            return "output_too_large", f"The output has {size} bytes; {max_output_bytes} are allowed."
        return bytes(ffi.buffer(lib.extism_plugin_output_data(self.pointer), size))


def classify(message: str) -> tuple[FailureKind, str]:
    """Tells the runtime's errors from the guest's own. A trap's text has a WebAssembly backtrace."""
    # Extism's memory limit, an initial memory above that limit, and this process's own limit (tables).
    if message == "oom" or "memory minimum size" in message or message.startswith("out of memory (failed"):
        return "memory", message
    if message == "plugin ran out of fuel":
        return "fuel", message
    if "wasm backtrace:" in message or message.startswith("error while executing"):
        return "trap", message
    return "guest_error", message


def _take_error(error: Any) -> extism.Error:
    """Converts and frees libextism's error."""
    message = ffi.string(error[0]).decode(errors="replace")
    lib.extism_plugin_new_error_free(error[0])
    return extism.Error(message)
