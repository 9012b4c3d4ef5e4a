"""The first call of a large module after a restart, with and without the compile cache."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.big_module import build
from tests.bench.load import Generator, Request, generator
from tests.bench.measuring import log_in
from tests.bench.report import Goal, single
from tests.server import Server

MODULE_BYTES = 1_900_000
RESTARTS = 5
LATER_SECONDS = 4.0
SETTLE_SECONDS = 1.0  # so that the call does not compete with the start of the server and its workers
FROM_CACHE = Goal(20, at_most=True)


def main(folder: Path) -> None:
    data_dir = folder / "start"
    with serving(data_dir) as server:
        server.make_owner()
        install(server, folder / "big")
        bearer = log_in(server)
    request = Request("the large module", "POST", "/api/v1/plugins/big/call/run", (bearer,), answer=b"")
    with generator() as load:
        compiled, _ = first_and_later_calls(data_dir, load, request, keep_cache=False)
        calls = [first_and_later_calls(data_dir, load, request, keep_cache=True) for _ in range(RESTARTS)]
    first, later = (median(column) for column in zip(*calls, strict=True))
    print(single("compiled, with an empty cache", f"{compiled:.1f} ms"))
    print(single("from the compile cache", f"{first:.1f} ms", FROM_CACHE.judge(first)))
    print(single("later calls, with the module in every worker", f"{later:.1f} ms"))


def first_and_later_calls(
    data_dir: Path, load: Generator, request: Request, *, keep_cache: bool
) -> tuple[float, float]:
    """The milliseconds of a new server's first call, and the median of later calls."""
    if not keep_cache:
        shutil.rmtree(data_dir / "compile-cache")
    with serving(data_dir) as server:
        time.sleep(SETTLE_SECONDS)
        first = load.measure(server.port, request, 1, 0).p50
        later = load.measure(server.port, request, 1, LATER_SECONDS).p50
        return first, later


@contextmanager
def serving(data_dir: Path) -> Iterator[Server]:
    server = Server.start(data_dir, LOG_LEVEL="ERROR")
    try:
        yield server
    finally:
        server.stop()


def install(server: Server, folder: Path) -> None:
    """Installs a module of MODULE_BYTES, built now to keep it out of the repository."""
    wasm = build(MODULE_BYTES)
    folder.mkdir()
    (folder / "big.wasm").write_bytes(wasm)
    manifest = {
        "manifest_version": 1,
        "name": "big",
        "title": "Large module",
        "version": "1.0.0",
        "description": "A lot of code, for the bench.",
        "license": "MIT",
        "wasm": {"path": "big.wasm", "sha256": hashlib.sha256(wasm).hexdigest()},
        "functions": [{"name": "run", "title": "Run"}],
        "permissions": [],
    }
    (folder / "plugin.json").write_text(json.dumps(manifest))
    server.manage("plugin", "install", str(folder))
    server.manage("plugin", "activate", "big", "1.0.0")
