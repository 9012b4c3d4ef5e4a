"""The server that is soaked: everything installed that the clients call, and a user for each client."""

from pathlib import Path

from tests.plugins.runtime.test_hostile import LONG_MS
from tests.plugins.runtime.test_hostile_server import CASES, slug
from tests.server import Server

KV = ["kv_get", "kv_set"]
SLEEPER_MS = 1000
# At the default budgets every hostile plugin would be paused within the first minutes, and the rest of the
# time would go by with good calls. Without them workers are killed up to the last second, which is harder.
# Likewise wrong passwords are tried all the time.
SETTINGS = {"PLUGIN_FAULT_BUDGET": "0", "PLUGIN_SLOW_BUDGET": "0", "AUTH_ATTEMPTS_PER_ACCOUNT": "0"}


def start(data_dir: Path, clients: int) -> Server:
    """The caller stops it."""
    server = Server.start(data_dir, **SETTINGS)
    try:
        server.make_owner()
        install(server)
        for number in range(clients):
            server.sign_up(email_of(number))
    except BaseException:
        server.stop()
        raise
    return server


def email_of(number: int) -> str:
    """The user that this client is."""
    return f"client-{number}@example.com"


def install(server: Server) -> None:
    rows = [(case.fixture, case.timeout_ms, slug(case)) for case in CASES]
    rows += [("echo", LONG_MS, "echo"), ("hostcall", LONG_MS, "hostcall"), ("faults", SLEEPER_MS, "sleeper")]
    code = f"from tests.plugins.unchecked import *\nfor row in {rows}: install_unchecked(*row)"
    server.manage("shell", "-v", "0", "-c", code)
    with server.log_in("owner@example.com") as owner:
        response = owner.patch("/api/v1/plugins/hostcall", json={"grants": KV})
        assert response.status_code == 200, response.text
