"""Compares one relayed host call that reads one row with other ways in which a plugin could read it."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.report import single
from tests.server import ROOT, Server, clean_environment


def main(folder: Path) -> None:
    server = Server.start(folder / "host", LOG_LEVEL="ERROR")
    try:
        server.make_owner()
        seen = measure_with_data_of(server)
    finally:
        server.stop()
    for name, microseconds in seen.items():
        note = f"relayed / this: {seen['relayed'] / microseconds:.2f}"
        print(single(name, f"{microseconds:.0f} µs", note))


def measure_with_data_of(server: Server) -> dict[str, float]:
    """Microseconds by way, measured in a process that uses the running server's data."""
    with server.log_in("owner@example.com") as owner:
        asked = {"name": "bench", "scopes": ["db_get_user_by_uuid"], "expires_in_days": 1}
        token = owner.post("/api/v1/tokens", json=asked).json()["token"]
        user_id = owner.get("/api/v1/auth/session").json()["user"]["id"]
    environment = clean_environment() | {
        "DATA_DIR": str(server.data_dir),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.host_call_ways", server.url, token, user_id],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return {name: statistics.median(samples) for name, samples in json.loads(done.stdout).items()}
