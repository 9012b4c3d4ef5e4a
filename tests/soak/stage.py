"""The server for a soak, with the plugins that the clients call and a user for each client."""

from pathlib import Path

from tests.plugins.runtime.test_hostile import LONG_MS
from tests.plugins.runtime.test_hostile_server import CASES, slug
from tests.server import Server

KV = ["kv_get", "kv_set"]
SLEEPER_MS = 1000
# With the default budgets, every hostile plugin would be paused within minutes, and only good calls would be
# left. Without budgets, workers are killed until the end, which is harder. In the same way, clients may try
# wrong passwords all the time.
SETTINGS = {"PLUGIN_FAULT_BUDGET": "0", "PLUGIN_SLOW_BUDGET": "0", "AUTH_ATTEMPTS_PER_ACCOUNT": "0"}


def start(data_dir: Path, clients: int) -> Server:
    """Starts the server. The caller must stop it."""
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
    """The e-mail address of this client's user."""
    return f"client-{number}@example.com"


def install(server: Server) -> None:
    rows = [(case.fixture, case.timeout_ms, slug(case)) for case in CASES]
    rows += [("echo", LONG_MS, "echo"), ("hostcall", LONG_MS, "hostcall"), ("faults", SLEEPER_MS, "sleeper")]
    code = f"from tests.plugins.unchecked import *\nfor row in {rows}: install_unchecked(*row)"
    server.manage("shell", "-v", "0", "-c", code)
    with server.log_in("owner@example.com") as owner:
        response = owner.patch("/api/v1/plugins/hostcall", json={"grants": KV})
        assert response.status_code == 200, response.text
