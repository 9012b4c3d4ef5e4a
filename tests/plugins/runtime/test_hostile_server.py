"""All hostile plugins at once on a real server, with ordinary calls in between that must not be affected."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.plugins.runtime.test_hostile import HARMLESS, HOSTILE, Harmless, Hostile
from tests.server import Server, problem_code, processes_gone

Case = Hostile | Harmless
FOLLOWER = Harmless("redirect_follower", "run", b"", b"http://127.0.0.1/")
CASES: list[Case] = [*HOSTILE, *HARMLESS, FOLLOWER]


def slug(case: Case) -> str:
    """Each case is a plugin of its own, because cases of one fixture differ in their time limits."""
    return f"{case.fixture}-{case.function}".replace("_", "-")


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For this test alone, with a queue timeout that is long enough for all calls."""
    server = Server.start(
        tmp_path_factory.mktemp("hostile") / "data",
        PLUGIN_QUEUE_TIMEOUT_MS="120000",
    )
    try:
        server.make_owner()
        rows = [(case.fixture, case.timeout_ms, slug(case)) for case in CASES]
        code = f"from tests.plugins.unchecked import *\nfor row in {rows}: install_unchecked(*row)"
        server.manage("shell", "-v", "0", "-c", code)
        yield server
    finally:
        server.stop()


def call(client: httpx.Client, case: Case) -> httpx.Response:
    return client.post(f"/api/v1/plugins/{slug(case)}/call/{case.function}", content=case.input)


def check_hostile(client: httpx.Client, case: Hostile) -> None:
    response = call(client, case)
    assert (response.status_code, problem_code(response)) == (case.status, case.code), case


def check_harmless(client: httpx.Client, case: Harmless) -> None:
    response = call(client, case)
    assert (response.status_code, response.content) == (200, case.output), case


def check_follower(client: httpx.Client, case: Harmless) -> None:
    response = call(client, case)
    assert (response.status_code, problem_code(response)) == (200, "network-not-granted")


def check_ordinary(client: httpx.Client, number: int) -> None:
    """Each call has its own name, so that the reply to another call would be noticed."""
    response = client.post("/api/v1/plugins/template/call/greet", json={"name": f"caller {number}"})
    assert response.status_code == 200, response.text
    assert response.json() == {"message": f"Hello, caller {number}!"}


def test_hostile_plugins_at_once_disturb_neither_the_server_nor_other_calls(own_server: Server) -> None:
    checks: list[tuple[Callable[..., None], Case]] = [
        *((check_hostile, case) for case in HOSTILE),
        *((check_harmless, case) for case in HARMLESS),
        (check_follower, FOLLOWER),
    ]
    with own_server.log_in("owner@example.com") as client, ThreadPoolExecutor(16) as threads:
        client.timeout = httpx.Timeout(120)
        running = []
        for number, (check, case) in enumerate(checks):
            running.append(threads.submit(check, client, case))
            running.append(threads.submit(check_ordinary, client, number))
        for done in running:
            done.result()
        assert client.get("/healthz").status_code == 200
    assert own_server.process.poll() is None, "the web process has ended"
    workers = own_server.workers()
    assert workers
    own_server.stop()
    assert processes_gone(workers, within_seconds=5)
