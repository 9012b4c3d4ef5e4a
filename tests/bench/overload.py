"""How long callers wait while one plugin hangs in every worker that it can get: its own, and another's."""

import time
from pathlib import Path
from statistics import median

import httpx

from tests.bench.report import Goal, single
from tests.server import Server

SAMPLES = 200
HANGS_FOR_MS = 60_000
REFUSED_WITHIN = Goal(50, at_most=True)
CALL = "/api/v1/plugins/{}/call/{}"


def main(folder: Path) -> None:
    server = Server.start(folder / "overload", LOG_LEVEL="ERROR")
    try:
        server.make_owner()
        server.install_fixture("faults", timeout_ms=HANGS_FOR_MS)
        with server.log_in("owner@example.com") as client:
            greet = CALL.format("template", "greet")
            alone = times(client, greet, 200)
            fill(client)
            refused = times(client, CALL.format("faults", "sleep_forever"), 503)
            others = times(client, greet, 200)
    finally:
        server.stop()
    slowest = max(refused)
    print(single("refused with 503, p50", f"{median(refused):.1f} ms"))
    print(
        single(f"refused with 503, slowest of {SAMPLES}", f"{slowest:.1f} ms", REFUSED_WITHIN.judge(slowest))
    )
    print(single("another plugin at the same time, p50", f"{median(others):.1f} ms"))
    print(single("another plugin on an idle server, p50", f"{median(alone):.1f} ms"))


def fill(client: httpx.Client) -> None:
    """Starts calls that never end until the server refuses more of them."""
    hang = CALL.format("faults", "sleep_forever")
    while client.post(hang, headers={"Prefer": "respond-async"}).status_code == 202:
        pass


def times(client: httpx.Client, path: str, status: int) -> list[float]:
    """The milliseconds that each of SAMPLES calls took. All of them must end with this status."""
    found = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        answer = client.post(path, json={"name": "Ada"})
        found.append((time.perf_counter() - started) * 1000)
        if answer.status_code != status:
            raise RuntimeError(f"{status} expected, got {answer.status_code}: {answer.text[:200]}")
    return found
