"""Measures a host call that reads one row: relayed, through libextism's own HTTP, and as a plain function.

Runs in its own process with the data of a running server. Prints samples in microseconds as JSON.
"""

import json
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from extism import extism  # noqa: E402
from extism_sys import ffi  # noqa: E402

from accounts import users  # noqa: E402
from core.operations import OPERATIONS  # noqa: E402
from plugins.egress.url_rules import HOST_ORIGIN  # noqa: E402
from plugins.history.journal import Journal, get_journal, set_journal  # noqa: E402
from plugins.history.records import HostCallRecord  # noqa: E402
from plugins.host import bridge  # noqa: E402
from plugins.host.caller import Caller  # noqa: E402
from tests import runtime  # noqa: E402
from tests.server import ROOT  # noqa: E402

FIXTURES = ROOT / "wasm-plugins" / "fixtures"
CALLS = 20
SAMPLES = 60
Sample = Callable[[], float]


def main() -> None:
    url, token, user_id = sys.argv[1:]
    ways: dict[str, Sample] = {
        "relayed": relayed(user_id),
        "relayed, audit off": without_audit(relayed(user_id)),
        "libextism's own HTTP": own_http(url, token, user_id),
        "plain host function": plain_function(user_id),
    }
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(SAMPLES):
        for name, way in ways.items():
            seen[name].append(way())
    get_journal().flush()
    print(json.dumps(seen))


def microseconds_each(run: Callable[[int], None]) -> float:
    """The time of one host call: a run with CALLS of them, minus a run without any."""
    started = time.perf_counter()
    run(0)
    none = time.perf_counter()
    run(CALLS)
    return ((time.perf_counter() - none) - (none - started)) / CALLS * 1e6


def requests(count: int, origin: str, user_id: str, headers: dict[str, str]) -> bytes:
    one = {"method": "GET", "url": f"{origin}/host/v1/users/{user_id}", "headers": headers, "body": None}
    return json.dumps([one] * count).encode()


def relayed(user_id: str) -> Sample:
    """As Hostbridge does it: worker, socket, bridge, host API."""
    pool = runtime.RunningPool(Path(settings.DATA_DIR) / "compile-cache")
    wasm = FIXTURES / "hostcall" / "hostcall.wasm"
    caller = Caller(frozenset(OPERATIONS), "bench", api_token_id=None)

    def run(count: int) -> None:
        payload = requests(count, HOST_ORIGIN, user_id, {})
        job = runtime.make_job("hostcall", wasm.read_bytes, "fetch_many", payload, timeout_ms=30_000)
        result, _ = pool.run(job, lambda request, deadline: bridge.handle(request, caller, deadline))
        check(result.reply.output, count)  # type: ignore[union-attr]

    return lambda: microseconds_each(run)


class Unaudited(Journal):
    def add_host_call(self, host_call: HostCallRecord) -> None:
        pass


def without_audit(way: Sample) -> Sample:
    def sample() -> float:
        journal = get_journal()
        set_journal(Unaudited())
        try:
            return way()
        finally:
            set_journal(journal)

    return sample


def own_http(url: str, token: str, user_id: str) -> Sample:
    """The obvious way: the same module with libextism's `http_request`, over loopback."""
    manifest = {
        "wasm": [{"data": (FIXTURES / "hostcall" / "hostcall.wasm").read_bytes()}],
        "allowed_hosts": ["127.0.0.1"],
    }
    plugin = extism.Plugin(manifest, wasi=True, functions=[])

    def run(count: int) -> None:
        check(
            plugin.call("fetch_many", requests(count, url, user_id, {"Authorization": f"Bearer {token}"})),
            count,
        )

    return lambda: microseconds_each(run)


def plain_function(user_id: str) -> Sample:
    """A host function in the process of libextism that does nothing but the query."""

    def answer(payload: bytes) -> bytes:
        asked = json.loads(payload)
        if not asked:
            return b"{}"
        user = users.get_user(uuid.UUID(asked["uuid"]))
        return json.dumps(
            {"id": str(user.pk), "email": user.email, "name": user.name, "profile": user.profile}
        ).encode()

    @ffi.callback("void(ExtismCurrentPlugin*, const ExtismVal*, ExtismSize, ExtismVal*, ExtismSize, void*)")
    def callback(current: Any, inputs: Any, _in: int, outputs: Any, _out: int, _data: Any) -> None:
        guest = extism.CurrentPlugin(current)
        data = answer(guest.input_bytes(inputs[0].v.i64))
        block = guest.alloc(len(data))
        guest.memory(block)[:] = data
        outputs[0].v.i64 = block.offset

    i64 = extism.ValType.I64
    functions = [extism.Function("extism:host/user", name, [i64], [i64], callback) for name in OPERATIONS]
    wasm = (FIXTURES / "hostfn" / "hostfn.wasm").read_bytes()
    plugin = extism.Plugin({"wasm": [{"data": wasm}]}, wasi=True, functions=functions)
    operation = "db_get_user_by_uuid"
    nothing = json.dumps({"operation": operation, "input": {}}).encode()
    query = json.dumps({"operation": operation, "input": {"uuid": user_id}}).encode()

    def run(count: int) -> None:
        # Each guest call makes one host call. The run without host calls subtracts the guest's own cost.
        for _ in range(CALLS):
            plugin.call("invoke", query if count else nothing)

    return lambda: microseconds_each(run)


def check(output: bytes, count: int) -> None:
    statuses = [reply["status"] for reply in json.loads(output)]
    if statuses != [200] * count:
        raise RuntimeError(f"expected {count} answers, got {statuses}")


if __name__ == "__main__":
    main()
