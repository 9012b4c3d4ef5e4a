"""The process that runs plugin code. Started by plugins.runtime.process, ended with SIGKILL when in doubt.

It is the only code that imports extism, and it imports no Django: it holds no secret, no database and no
setting, only the socket to its parent. One call at a time; each call gets a fresh instance (memory, globals,
variables) from a module that was compiled once.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extism import extism  # the package itself does not offer CompiledPlugin
from extism_sys import ffi, lib

from plugins.runtime import confine
from plugins.runtime.protocol import (
    Call,
    Closed,
    Failure,
    FailureKind,
    HostFunction,
    HostReply,
    HostRequest,
    Load,
    Loaded,
    LoadFailed,
    ProtocolError,
    Ready,
    Result,
    Unload,
    decode_to_worker,
    receive,
    send,
)

_MAX_MESSAGE = 8000
_HOST_FUNCTION = "void(ExtismCurrentPlugin*, const ExtismVal*, ExtismSize, ExtismVal*, ExtismSize, void*)"
I32, I64 = extism.ValType.I32, extism.ValType.I64


def main(fd: int, memory_bytes: int, cache_config: str, cache_writable: bool) -> None:
    """Serves calls from the socket `fd` until it closes. `memory_bytes` bounds this process's data."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=fd)
    layers = confine.apply(
        confine.Confinement(fd, memory_bytes, Path(cache_config).parent, cache_writable=cache_writable)
    )
    # Where the cache is out of this user's reach, every compilation would fail; without one they are slower.
    os.environ["EXTISM_CACHE_CONFIG"] = cache_config if os.access(cache_config, os.R_OK) else ""
    with sock:
        worker = Worker(sock, compiles_only=cache_writable)
        send(sock, Ready(extism.extism_version(), layers))
        try:
            worker.serve()
        except (Closed, BrokenPipeError, ConnectionResetError):
            return


class Relay:
    """What stands behind the guest's host functions during one call: the way to the parent's bridge."""

    def __init__(self, sock: socket.socket, call_id: int) -> None:
        self.sock = sock
        self.call_id = call_id
        self.status = 0
        self.headers: dict[str, str] = {}
        self.broken: BaseException | None = None

    def request(self, raw: bytes, body: bytes) -> bytes:
        """Relays one request and waits for the answer. What is no request is answered with 400 here."""
        try:
            asked = json.loads(raw)
            method = str(asked.get("method") or "GET").upper()
            headers = {str(k): str(v) for k, v in (asked.get("headers") or asked.get("header") or {}).items()}
            frame = HostRequest(self.call_id, method, str(asked["url"]), headers, body)
            send(self.sock, frame)
        except (ValueError, KeyError, TypeError, AttributeError, ProtocolError) as error:
            return self._refuse(f"The request cannot be read: {error}.")
        reply = self._reply()
        self.status, self.headers = reply.status, reply.headers
        return reply.body

    def function(self, name: str, payload: bytes) -> bytes:
        """Relays a call of a host function; what comes back is JSON either way."""
        send(self.sock, HostFunction(self.call_id, name, payload))
        return self._reply().body

    def _reply(self) -> HostReply:
        reply = decode_to_worker(receive(self.sock))
        if not isinstance(reply, HostReply) or reply.call_id != self.call_id:
            raise ProtocolError("expected the answer to a host request")
        return reply

    def _refuse(self, detail: str) -> bytes:
        problem = {
            "type": "urn:hostbridge:problem:invalid-input",
            "title": "Some of the input is not valid",
            "status": 400,
            "detail": detail,
        }
        self.status, self.headers = 400, {"content-type": "application/problem+json"}
        return json.dumps(problem).encode()


class Worker:
    """`compiles_only`: it may fill the compile cache, from which other workers take native code. So it runs
    no plugin code, which could have broken out and would write there what it likes.
    """

    def __init__(self, sock: socket.socket, *, compiles_only: bool = False) -> None:
        self.sock = sock
        self.compiles_only = compiles_only
        self.modules: dict[str, Any] = {}
        self.relay = Relay(sock, 0)

    def serve(self) -> None:
        while True:
            frame = decode_to_worker(receive(self.sock))
            if self.compiles_only and not isinstance(frame, Load | Unload):
                raise ProtocolError("this worker only compiles")
            match frame:
                case Call():
                    send(self.sock, self.call(frame))
                case Load():
                    send(self.sock, self.load(frame))
                case Unload():
                    self.modules.pop(frame.module, None)
                case _:
                    raise ProtocolError("this frame belongs inside a call")

    def load(self, frame: Load) -> Loaded | LoadFailed:
        manifest = {
            "wasm": [{"data": frame.wasm}],
            "memory": {
                "max_pages": frame.max_pages,
                "max_var_bytes": 1 << 20,
                "max_http_response_bytes": 4 << 20,
            },
            "allowed_hosts": [],
        }
        started = time.perf_counter()
        try:
            self.modules[frame.module] = extism.CompiledPlugin(
                manifest, wasi=True, functions=self.host_functions(frame.host_functions)
            )
        except extism.Error as error:
            return LoadFailed(frame.module, _clip(str(error)))
        return Loaded(frame.module, _ms_since(started))

    def call(self, frame: Call) -> Result | Failure:
        self.relay = Relay(self.sock, frame.call_id)
        started = time.perf_counter()
        try:
            plugin = extism.Plugin(self.modules[frame.module], config=frame.config)
        except extism.Error as error:
            return Failure(frame.call_id, "start_failed", _clip(str(error)), _ms_since(started), 0.0)
        start_ms = _ms_since(started)
        started = time.perf_counter()
        with plugin:
            outcome = run_function(plugin, frame.function, frame.payload, frame.max_output_bytes)
            run_ms = _ms_since(started)
        # libextism swallows what a host function raises; to the caller it must never look like success.
        match self.relay.broken:
            case None:
                pass
            case MemoryError():
                outcome = ("memory", str(self.relay.broken))
            case _:
                raise self.relay.broken  # the parent and this worker no longer agree: end
        if isinstance(outcome, bytes):
            return Result(frame.call_id, outcome, start_ms, run_ms)
        kind, message = outcome
        return Failure(frame.call_id, kind, _clip(message), start_ms, run_ms)

    def host_functions(self, names: tuple[str, ...]) -> list[extism.Function]:
        """What guests may import: HTTP in libextism's own namespace, whose functions ours shadow, so that the
        guest notices nothing; and, for guests of the older interface, operations by name.
        """

        def http_request(plugin: Any, inputs: Any, outputs: Any) -> None:
            raw = plugin.input_bytes(inputs[0].v.i64)
            body = plugin.input_bytes(inputs[1].v.i64) if inputs[1].v.i64 else b""
            outputs[0].v.i64 = _store(plugin, self.relay.request(raw, body))

        def http_status_code(plugin: Any, inputs: Any, outputs: Any) -> None:
            outputs[0].v.i32 = self.relay.status

        def http_headers(plugin: Any, inputs: Any, outputs: Any) -> None:
            outputs[0].v.i64 = _store(plugin, json.dumps(self.relay.headers).encode())

        def operation(name: str) -> extism.Function:
            def call(plugin: Any, inputs: Any, outputs: Any) -> None:
                payload = plugin.input_bytes(inputs[0].v.i64) if inputs[0].v.i64 else b""
                outputs[0].v.i64 = _store(plugin, self.relay.function(name, payload))

            return self._host_function("extism:host/user", name, [I64], [I64], call)

        env = "extism:host/env"
        return [
            self._host_function(env, "http_request", [I64, I64], [I64], http_request),
            self._host_function(env, "http_status_code", [], [I32], http_status_code),
            self._host_function(env, "http_headers", [], [I64], http_headers),
            *map(operation, names),
        ]

    def _host_function(
        self,
        namespace: str,
        name: str,
        takes: list[Any],
        returns: list[Any],
        function: Callable[[Any, Any, Any], None],
    ) -> extism.Function:
        """Binds `function` by a callback of our own: the package's would swallow what it raises."""

        def failed(_kind: object, error: BaseException, _traceback: object) -> None:
            self.relay.broken = self.relay.broken or error

        @ffi.callback(_HOST_FUNCTION, onerror=failed)  # type: ignore[untyped-decorator]
        def callback(current: Any, inputs: Any, _in: int, outputs: Any, _out: int, _data: Any) -> None:
            for slot in range(_out):
                outputs[slot].v.i64 = 0
            function(extism.CurrentPlugin(current), inputs, outputs)

        return extism.Function(namespace, name, takes, returns, callback)


def run_function(
    plugin: Any, function: str, payload: bytes, max_output_bytes: int
) -> bytes | tuple[FailureKind, str]:
    """The function's output, or what kind of failure it was and its text.

    Straight on the C API: the package's own call() fails on error texts that are not UTF-8, and copies the
    output before anybody could look at its length.
    """
    code = lib.extism_plugin_call(plugin.plugin, function.encode(), payload, len(payload))
    error = lib.extism_plugin_error(plugin.plugin)
    if error != ffi.NULL:
        return classify(ffi.string(error, _MAX_MESSAGE).decode(errors="replace"))
    if code != 0:
        return "guest_error", f"The plugin returned the error code {code} and no text."
    size = lib.extism_plugin_output_length(plugin.plugin)
    if size > max_output_bytes:
        return "output_too_large", f"The output has {size} bytes; {max_output_bytes} are allowed."
    return bytes(ffi.buffer(lib.extism_plugin_output_data(plugin.plugin), size))


def classify(message: str) -> tuple[FailureKind, str]:
    """A guest's own error text, or one of the runtime's: a trap comes with a WebAssembly backtrace."""
    if message == "oom" or "memory minimum size" in message:
        return "memory", message
    if "wasm backtrace:" in message or message.startswith("error while executing"):
        return "trap", message
    return "guest_error", message


def _store(plugin: Any, data: bytes) -> int:
    """Puts the bytes into the guest's memory; where. 0 stands for none, as in libextism."""
    if not data:
        return 0
    block = plugin.alloc(len(data))
    if block.offset == 0:  # the guest has no memory left; writing to offset 0 would end this process
        raise MemoryError("the guest has no room for the answer")
    plugin.memory(block)[:] = data
    return int(block.offset)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _clip(message: str) -> str:
    return message[:_MAX_MESSAGE]
