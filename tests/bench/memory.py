"""What an idle server takes, its workers included: PSS, which shares out a page among those who map it.

It runs with the packages that `make run` installs. With those for development REST framework would load some
of them, because they are there.
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

SETTLE_SECONDS = 12.0  # by then the server has given back what it holds and does not need
TWO_WORKERS = Goal(120, at_most=True)
JSON = ("Content-Type", "application/json")


def main(folder: Path) -> None:
    if measure(folder / "memory", "as it comes") != 2:
        measure(folder / "memory-2", "PLUGIN_WORKERS=2", PLUGIN_WORKERS="2")


def measure(data_dir: Path, name: str, **settings: str) -> int:
    """Of a first start, in which the workers compile, and of a restart. How many workers there were."""
    observe(data_dir, f"{name}, first start", **settings)
    return observe(data_dir, f"{name}, restarted", **settings)


def observe(data_dir: Path, name: str, **settings: str) -> int:
    first_start = not data_dir.exists()
    server = Server.start(data_dir, python=python_as_installed(), LOG_LEVEL="ERROR", **settings)
    try:
        if first_start:
            server.make_owner()
        bearer = log_in(server)  # by then there are workers
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
    """Megabytes (of a million bytes). Raises OSError if the process cannot be looked into."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss")


def tree(pid: int) -> list[int]:
    """The process, then all that it and its children started."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # it ended meanwhile
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found
