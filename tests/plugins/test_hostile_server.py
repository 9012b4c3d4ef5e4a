"""All hostile plugins at once on a real server, with ordinary calls in between that must not notice."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.plugins.test_hostile import FUTILE, HOSTILE, Futile, Hostile
from tests.server import Server, problem_code, processes_gone

FIXTURES = sorted({case.fixture for case in (*HOSTILE, *FUTILE)} | {"redirect_follower"})
INSTALL = (
    f"from tests.plugins.unchecked import install_unchecked\nfor name in {FIXTURES}: install_unchecked(name)"
)


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For this test alone, with a queue that is long enough for all of them."""
    server = Server.start(
        tmp_path_factory.mktemp("hostile") / "data",
        PLUGIN_QUEUE_TIMEOUT_MS="120000",
    )
    try:
        server.make_owner()
        server.manage("shell", "-v", "0", "-c", INSTALL)
        yield server
    finally:
        server.stop()


Call = Callable[[httpx.Client], None]


def hostile(case: Hostile) -> Call:
    def call(client: httpx.Client) -> None:
        response = client.post(address(case.fixture, case.function))
        assert (response.status_code, problem_code(response)) == (case.status, case.code), case

    return call


def futile(case: Futile) -> Call:
    def call(client: httpx.Client) -> None:
        response = client.post(address(case.fixture, case.function), content=case.input)
        assert (response.status_code, response.content) == (200, case.output), case

    return call


def follow_redirects(client: httpx.Client) -> None:
    """From the server's own address, which would lead to its log-in page."""
    url = f"{client.base_url}/admin/"
    response = client.post(address("redirect_follower", "run"), content=url.encode())
    assert response.status_code == 200
    assert problem_code(response) == "network-not-granted"


def ordinary(number: int) -> Call:
    """Each with a name of its own, so that an answer to somebody else's call would show."""

    def call(client: httpx.Client) -> None:
        response = client.post(address("template", "greet"), json={"name": f"caller {number}"})
        assert response.status_code == 200, response.text
        assert response.json() == {"message": f"Hello, caller {number}!"}

    return call


def address(fixture: str, function: str) -> str:
    return f"/api/v1/plugins/{fixture.replace('_', '-')}/call/{function}"


def test_all_hostile_plugins_at_once_disturb_neither_the_server_nor_other_calls(own_server: Server) -> None:
    faults = [*map(hostile, HOSTILE), *map(futile, FUTILE), follow_redirects]
    calls = [call for number, fault in enumerate(faults) for call in (fault, ordinary(number))]
    with own_server.log_in("owner@example.com") as client, ThreadPoolExecutor(16) as threads:
        client.timeout = httpx.Timeout(120)
        for done in [threads.submit(call, client) for call in calls]:
            done.result()
        assert client.get("/healthz").status_code == 200
    assert own_server.process.poll() is None, "the web process has ended"
    workers = own_server.workers()
    assert workers
    own_server.stop()
    assert processes_gone(workers, within_seconds=5)
