"""The process that runs plugin code. plugins.runtime.worker_process starts it, and kills it when in doubt.

Only this module and plugins.runtime.guest import extism. The worker imports no Django: it has no secrets, no
database and no settings, only the socket to its parent. It runs one call at a time. Each call gets a fresh
instance (memory, globals, variables) of a module that was compiled once. If calls of one plugin follow each
other, the worker makes the next instance between them, in advance.
"""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extism import extism
from extism_sys import ffi

from plugins.bundles.wasm_imports import EXTISM_NAMESPACE, USER_NAMESPACE
from plugins.runtime import confine
from plugins.runtime.guest import Instance, Module, classify
from plugins.runtime.protocol import (
    MAX_HEADER_NAME,
    MAX_HEADER_VALUE,
    MAX_HEADERS,
    MAX_LOG_CHARS,
    MAX_LOG_LINES,
    MAX_MESSAGE,
    MAX_METHOD,
    MAX_URL,
    Call,
    Channel,
    Closed,
    Failure,
    HostFunction,
    HostReply,
    HostRequest,
    Load,
    Loaded,
    LoadFailed,
    LogLine,
    ProtocolError,
    Ready,
    Result,
    Settle,
    Settled,
    Try,
    Unload,
    decode_to_worker,
)

LOG_LEVELS = ("trace", "debug", "info", "warn", "error")
_LOG_LEVEL_INFO = LOG_LEVELS.index("info")  # PDKs log only at this level and above
_HOST_FUNCTION = "void(ExtismCurrentPlugin*, const ExtismVal*, ExtismSize, ExtismVal*, ExtismSize, void*)"
EMPTY_MODULE = Load("", b"\0asm\1\0\0\0", max_pages=1, fuel=0, imports=())
I32, I64 = extism.ValType.I32, extism.ValType.I64


def main(fd: int, memory_bytes: int, cache_config: str, cache_writable: bool) -> None:
    """Serves calls from the socket `fd` until it closes. `memory_bytes` limits this process's data."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        # A batch process does not preempt its parent when a message from there wakes it.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    sock = socket.socket(fileno=fd)
    channel = Channel(sock)
    layers = confine.apply(
        confine.Confinement(fd, memory_bytes, Path(cache_config).parent, cache_writable=cache_writable)
    )
    # With a cache that this user cannot reach, every compilation would fail; without one it is only slower.
    os.environ["EXTISM_CACHE_CONFIG"] = cache_config if os.access(cache_config, os.R_OK) else ""
    with sock:
        worker = Worker(channel, compiles_only=cache_writable)
        worker.load(EMPTY_MODULE)  # initializes the runtime, which would otherwise delay the first module
        channel.send(Ready(extism.extism_version(), layers))
        try:
            worker.serve()
        except (Closed, BrokenPipeError, ConnectionResetError):
            return


class Relay:
    """What stands behind the guest's host functions during one call: the way to the parent's bridge."""

    def __init__(self, channel: Channel, call_id: int | None) -> None:
        """`call_id`: None between calls, when a guest's requests get no reply."""
        self.channel = channel
        self.call_id = call_id
        self.logs: list[LogLine] = []
        self._log_chars_left = MAX_LOG_CHARS
        self.status = 0
        self.headers: dict[str, str] = {}
        self.broken: BaseException | None = None

    def request(self, raw: bytes, body: bytes) -> bytes:
        """Relays one HTTP request and returns the reply's body. Replies 400 itself to a malformed request."""
        call_id = self._call_id()
        try:
            head = json.loads(raw)
            method = str(head.get("method") or "GET").upper()
            headers = {str(k): str(v) for k, v in (head.get("headers") or head.get("header") or {}).items()}
            frame = HostRequest(call_id, method, str(head["url"]), headers, body)
            _check_size(frame)
            self.channel.send(frame)
        except (ValueError, KeyError, TypeError, AttributeError, ProtocolError) as error:
            return self._refuse(f"The request cannot be read: {error}.")
        reply = self._reply()
        self.status, self.headers = reply.status, reply.headers
        return reply.body

    def function(self, name: str, payload: bytes) -> bytes:
        """Relays a call of a host function. The reply is JSON, also for a problem."""
        self.channel.send(HostFunction(self._call_id(), name, payload))
        return self._reply().body

    def log(self, level: str, text: bytes) -> None:
        """Adds a line to the execution's log. Lines over the limits are cut or dropped."""
        if len(self.logs) < MAX_LOG_LINES and self._log_chars_left > 0:
            line = text[: self._log_chars_left].decode(errors="replace")
            self._log_chars_left -= len(line)
            self.logs.append((level, line))  # type: ignore[arg-type]  # one of LOG_LEVELS

    def _call_id(self) -> int:
        if self.call_id is None:
            raise ProtocolError("the guest called the host outside of a call")
        return self.call_id

    def _reply(self) -> HostReply:
        reply = decode_to_worker(self.channel.receive())
        if not isinstance(reply, HostReply) or reply.call_id != self.call_id:
            raise ProtocolError("expected the reply to a host request")
        return reply

    def _refuse(self, detail: str) -> bytes:
        problem = {
            "type": "urn:hostbridge:problem:invalid-input",
            "title": "Invalid input",
            "status": 400,
            "detail": detail,
        }
        self.status, self.headers = 400, {"content-type": "application/problem+json"}
        return json.dumps(problem).encode()


def _check_size(request: HostRequest) -> None:
    """Raises ValueError if the parent would not accept the request."""
    if len(request.url) > MAX_URL:
        raise ValueError(f"its URL has more than {MAX_URL} characters")
    if len(request.method) > MAX_METHOD:
        raise ValueError(f"its method has more than {MAX_METHOD} characters")
    if len(request.headers) > MAX_HEADERS:
        raise ValueError(f"it has more than {MAX_HEADERS} headers")
    for name, value in request.headers.items():
        if len(name) > MAX_HEADER_NAME or len(value) > MAX_HEADER_VALUE:
            raise ValueError(f"its header {name[:50]} is too long")


class Worker:
    """`compiles_only`: the worker may write the compile cache and runs no plugin code.

    Other workers run native code from the cache. Plugin code that escaped its sandbox could poison it.
    """

    def __init__(self, channel: Channel, *, compiles_only: bool = False) -> None:
        self.channel = channel
        self.compiles_only = compiles_only
        self.modules: dict[str, Module] = {}
        self.relay = Relay(channel, None)
        self.last: tuple[str, bytes] | None = None
        self.prepared: Instance | None = None  # an unused instance for another call like `last`

    def serve(self) -> None:
        while True:
            frame = decode_to_worker(self.channel.receive())
            if self.compiles_only and not isinstance(frame, Load | Unload):
                raise ProtocolError("this worker only compiles")
            match frame:
                case Call():
                    self.call(frame)
                case Settle():
                    self.channel.send(Settled(frame.call_id))
                case Load():
                    self.channel.send(self.load(frame))
                case Try():
                    self.channel.send(self.try_out(frame))
                case Unload():
                    if self.last is not None and self.last[0] == frame.module:
                        self.last = self.prepared = None
                    self.modules.pop(frame.module, None)
                case _:
                    raise ProtocolError("this frame belongs inside a call")

    def load(self, frame: Load) -> Loaded | LoadFailed:
        started = time.perf_counter()
        try:
            self.modules[frame.module] = Module(frame, self.host_functions(frozenset(frame.imports)))
        except extism.Error as error:
            return LoadFailed(frame.module, _clip(str(error)))
        return Loaded(frame.module, _ms_since(started))

    def try_out(self, frame: Try) -> Settled | Failure:
        started = time.perf_counter()
        try:
            Instance(self.modules[frame.module], b"{}")
        except extism.Error as error:
            return start_failure(0, str(error), _ms_since(started))
        return Settled(0)

    def call(self, frame: Call) -> None:
        """Replies to the call first, then cleans up and prepares for the next call.

        The parent sends Settle and waits for Settled if the next call must not meet that clean-up.
        """
        started = time.perf_counter()
        current = (frame.module, frame.config)
        repeated = current == self.last
        instance, self.prepared = self.prepared if repeated else None, None
        self.last = current
        try:
            instance = instance or Instance(self.modules[frame.module], frame.config)
            self.channel.send(self.run(frame, instance, _ms_since(started)))
        except extism.Error as error:
            self.channel.send(start_failure(frame.call_id, str(error), _ms_since(started)))
        self.relay = Relay(self.channel, None)
        del instance  # takes as long as a short call
        if repeated:
            self.prepare(*current)

    def prepare(self, module: str, config: bytes) -> None:
        with contextlib.suppress(extism.Error):  # the next call meets the same error and reports it
            self.prepared = Instance(self.modules[module], config)
        if self.relay.broken:  # its start function called the host
            self.prepared = None

    def run(self, frame: Call, instance: Instance, start_ms: float) -> Result | Failure:
        self.relay = relay = Relay(self.channel, frame.call_id)
        started = time.perf_counter()
        outcome = instance.call(frame.function, frame.payload, frame.max_output_bytes)
        run_ms = _ms_since(started)
        # libextism discards exceptions of host functions; to the caller they must not look like success.
        match relay.broken:
            case None:
                pass
            case MemoryError():
                outcome = ("memory", str(relay.broken))
            case _:
                raise relay.broken  # the worker is out of step with its parent and must end
        if isinstance(outcome, bytes):
            return Result(frame.call_id, outcome, start_ms, run_ms, relay.logs)
        kind, message = outcome
        return Failure(frame.call_id, kind, _clip(message), start_ms, run_ms, relay.logs)

    def host_functions(self, imports: frozenset[tuple[str, str]]) -> list[extism.Function]:
        """The host functions for a guest with these imports.

        HTTP functions replace those of the same name in libextism, unnoticed by the guest. They are always
        there, whatever `imports` says: no guest may reach libextism's own. Guests of the older interface also
        get the operations that they import by name.
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

            return self._host_function(USER_NAMESPACE, name, [I64], [I64], call)

        def log(level: str) -> extism.Function:
            def write(plugin: Any, inputs: Any, outputs: Any) -> None:
                self.relay.log(level, plugin.input_bytes(inputs[0].v.i64) if inputs[0].v.i64 else b"")

            return self._host_function(env, f"log_{level}", [I64], [], write)

        def imported(namespace: str) -> list[str]:
            return sorted(name for space, name in imports if space == namespace)

        def get_log_level(plugin: Any, inputs: Any, outputs: Any) -> None:
            outputs[0].v.i32 = _LOG_LEVEL_INFO

        env = EXTISM_NAMESPACE
        return [
            self._host_function(env, "http_request", [I64, I64], [I64], http_request),
            self._host_function(env, "http_status_code", [], [I32], http_status_code),
            self._host_function(env, "http_headers", [], [I64], http_headers),
            self._host_function(env, "get_log_level", [], [I32], get_log_level),
            *(log(level) for level in LOG_LEVELS if (env, f"log_{level}") in imports),
            *map(operation, imported(USER_NAMESPACE)),
        ]

    def _host_function(
        self,
        namespace: str,
        name: str,
        takes: list[Any],
        returns: list[Any],
        function: Callable[[Any, Any, Any], None],
    ) -> extism.Function:
        """Binds `function` through our own callback: the package's would swallow its exceptions."""

        def failed(_kind: object, error: BaseException, _traceback: object) -> None:
            self.relay.broken = self.relay.broken or error

        @ffi.callback(_HOST_FUNCTION, onerror=failed)  # type: ignore[untyped-decorator]
        def callback(current: Any, inputs: Any, _in: int, outputs: Any, _out: int, _data: Any) -> None:
            for slot in range(_out):
                outputs[slot].v.i64 = 0
            function(extism.CurrentPlugin(current), inputs, outputs)

        return extism.Function(namespace, name, takes, returns, callback)


def start_failure(call_id: int, message: str, start_ms: float) -> Failure:
    """The failure to make an instance. Its message is never the guest's own."""
    kind, message = classify(message)
    return Failure(call_id, "start_failed" if kind == "guest_error" else kind, _clip(message), start_ms, 0.0)


def _store(plugin: Any, data: bytes) -> int:
    """Copies the bytes into the guest's memory. Returns their offset, or 0 for none, as libextism does."""
    if not data:
        return 0
    block = plugin.alloc(len(data))
    if block.offset == 0:  # the guest has no memory left; writing to offset 0 would crash this process
        raise MemoryError("the guest has no memory left for the reply")
    plugin.memory(block)[:] = data
    return int(block.offset)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _clip(message: str) -> str:
    return message[:MAX_MESSAGE]
