"""`make bench`: ours beside the peers, in one run, alternating, on this machine.

Figures of one machine say little; the ratios of one run say more, and even they move by a tenth or so.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import uvloop

from tests.bench.load import Figures, Request, measure
from tests.server import PASSWORD, ROOT, Server, clean_environment

ROUNDS = 3
SECONDS = 1.5
JSON = ("Content-Type", "application/json")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hostbridge-bench-") as folder:
        server = Server.start(Path(folder) / "data", LOG_LEVEL="ERROR")
        try:
            server.make_owner()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(bench(server))
            print("\nOne host call that reads one row, p50 of 60 samples (lower is better)")
            compare_host_calls(server)
        finally:
            server.stop()


async def bench(server: Server) -> None:
    with server.log_in("owner@example.com") as client:
        bearer = ("Authorization", client.headers["Authorization"])
    noop = Request("no-op view (/healthz)", "GET", "/healthz")
    greet = Request(
        "greet", "POST", "/api/v1/plugins/template/call/greet", (bearer, JSON), b'{"name":"Ada Lovelace"}'
    )
    print("Calls of `greet` (logged in, recorded, events sent) beside a view that does nothing")
    for connections in (1, 8, 32):
        await compare(server.port, [noop, greet], connections)
    print("\nOne log-in: the auth plugin with its host calls beside Django's own (admin form, same Argon2id)")
    await compare(server.port, [django_log_in(server), plugin_log_in()], 1)


def compare_host_calls(server: Server) -> None:
    """Prints the cost of one host call, and each way beside the relayed one."""
    with server.log_in("owner@example.com") as owner:
        asked = {"name": "bench", "scopes": ["db_get_user_by_uuid"], "expires_in_days": 1}
        token = owner.post("/api/v1/tokens", json=asked).json()["token"]
        user_id = owner.get("/api/v1/auth/session").json()["user"]["id"]
    environment = clean_environment() | {
        "DATA_DIR": str(server.data_dir),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.host_call", server.url, token, user_id],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    seen = {name: statistics.median(samples) for name, samples in json.loads(done.stdout).items()}
    for name, microseconds in seen.items():
        ratio = seen["relayed"] / microseconds
        print(f"  {name:32}{microseconds:>9.0f} µs{'':8}relayed / this: {ratio:.2f}")


def plugin_log_in() -> Request:
    body = json.dumps({"email": "owner@example.com", "password": PASSWORD}).encode()
    return Request("log-in through the plugin", "POST", "/api/v1/auth/login", (JSON,), body)


def django_log_in(server: Server) -> Request:
    token = httpx.get(f"{server.url}/admin/login/").cookies["csrftoken"]
    body = str(
        httpx.QueryParams(csrfmiddlewaretoken=token, username="owner@example.com", password=PASSWORD)
    ).encode()
    headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", f"csrftoken={token}"))
    return Request("log-in of Django", "POST", "/admin/login/?next=/healthz", headers, body, expect=302)


async def compare(port: int, requests: list[Request], connections: int) -> None:
    """Measures in turns, then prints each beside the first."""
    seen = {request.name: Figures() for request in requests}
    for request in requests:
        await measure(port, request, connections, 0.3, Figures())
    for _ in range(ROUNDS):
        for request in requests:
            await measure(port, request, connections, SECONDS, seen[request.name])
    base = seen[requests[0].name]
    print(f"\n  {connections} connection{'s' if connections > 1 else ''}")
    print(f"  {'':32}{'per second':>12}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'throughput':>12}{'p50':>8}")
    for name, figures in seen.items():
        throughput = figures.per_second / base.per_second
        latency = figures.percentile(50) / base.percentile(50)
        latencies = "".join(f"{figures.percentile(percent):>9.2f}" for percent in (50, 95, 99))
        print(f"  {name:32}{figures.per_second:>12,.0f}{latencies}{throughput:>11.2f}x{latency:>7.2f}x")


if __name__ == "__main__":
    main()
