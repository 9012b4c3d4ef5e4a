"""The memory of an idle server and its workers, as PSS, which divides a page among the processes that map it.

The server runs with the packages that `make run` installs. REST framework would load some of the development
packages if they were there.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench import peers
from tests.bench.load import Request, generator
from tests.bench.measuring import log_in
from tests.bench.report import Goal, single
from tests.server import ROOT, Server

SETTLE_SECONDS = 12.0  # by then the server has released the memory that it does not need
TWO_WORKERS = Goal(120, at_most=True)
JSON = ("Content-Type", "application/json")


def main(folder: Path) -> None:
    if measure(folder / "memory", "default settings") != 2:
        measure(folder / "memory-2", "PLUGIN_WORKERS=2", PLUGIN_WORKERS="2")


def measure(data_dir: Path, name: str, **settings: str) -> int:
    """Measures a first start, in which the workers compile, and a restart. Returns the number of workers."""
    observe(data_dir, f"{name}, first start", **settings)
    return observe(data_dir, f"{name}, restarted", **settings)


def observe(data_dir: Path, name: str, **settings: str) -> int:
    first_start = not data_dir.exists()
    server = Server.start(data_dir, python=python_as_installed(), LOG_LEVEL="ERROR", **settings)
    try:
        if first_start:
            server.make_owner()
        bearer = log_in(server)  # which starts the workers
        time.sleep(SETTLE_SECONDS)
        workers = len(server.workers())
        goal = TWO_WORKERS if workers == 2 else None
        say(name, server, goal)
        call_for_a_second(server, bearer)
        time.sleep(SETTLE_SECONDS)
        say(f"{name}, after calls", server, goal)
    finally:
        server.stop()
    return workers


def python_as_installed() -> str:
    folder = peers.MADE / "ours"
    peers.fill(folder, ROOT / "uv.lock", _install)
    return str(folder / "bin" / "python")


def _install(folder: Path, _: Path) -> None:
    uv = [str(Path(sys.executable).with_name("uv")), "--system-certs"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run(
        [*uv, "sync", "--quiet", "--locked", "--no-dev"],
        cwd=ROOT, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder)}, check=True,
    )  # fmt: skip


def call_for_a_second(server: Server, bearer: tuple[str, str]) -> None:
    path = "/api/v1/plugins/template/call/greet"
    request = Request("greet", "POST", path, (bearer, JSON), b'{"name":"Ada Lovelace"}')
    with generator() as load:
        load.measure(server.port, request, 8, 1.0)


def say(name: str, server: Server, goal: Goal | None) -> None:
    web, *others = (pss_mb(pid) for pid in tree(server.process.pid))
    together = web + sum(others)
    parts = f"web process {web:.0f}, others {' + '.join(f'{other:.0f}' for other in others)}"
    print(single(name, f"{together:.0f} MB", f"{parts}{f'; {goal.judge(together)}' if goal else ''}"))


def pss_mb(pid: int) -> float:
    """In megabytes of a million bytes. Raises OSError if the process may not be inspected."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss")


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # the process has ended
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found
