"""Two server processes that share a database and nothing else act on each other's changes."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.backing import wait_for
from tests.server import Server, problem_code

Two = tuple[Server, Server]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    data = tmp_path_factory.mktemp("two") / "data"
    one = Server.start(data, PLUGIN_MAX_TIMEOUT_MS="60000")
    one.make_owner()
    one.install_fixture("faults", timeout_ms=60_000)
    one.install_fixture("hostcall")
    other = Server.start(Path(f"{data}"))
    yield one, other
    one.stop()
    other.stop()


@pytest.mark.asyncio
async def test_an_event_reaches_clients_of_the_other_process(two: Two) -> None:
    one, other = two
    with one.log_in("owner@example.com") as owner:
        headers = {"Authorization": owner.headers["Authorization"]}
        async with connect(other.ws_url, additional_headers=headers, origin=None) as socket:
            assert json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] == "feed.ready"
            call = owner.post
            response = await asyncio.to_thread(
                call, "/api/v1/plugins/template/call/greet", json={"name": "x"}
            )
            execution = response.headers["Execution-Id"]
            heard = json.loads(await asyncio.wait_for(socket.recv(), 10))
            while heard["data"]["id"] != execution:  # the log-in publishes an event, too
                heard = json.loads(await asyncio.wait_for(socket.recv(), 10))
    assert heard["type"] == "execution.finished"


def test_a_revoked_permission_is_refused_by_the_other_process(two: Two) -> None:
    one, other = two
    with one.log_in("owner@example.com") as here:
        token = here.headers["Authorization"]
        with httpx.Client(base_url=other.url, headers={"Authorization": token}, timeout=30) as there:
            url = "/api/v1/plugins/hostcall"
            asked = {"method": "GET", "url": "http://hostbridge.invalid/host/v1/kv", "headers": {}}
            for grants, status in ((["kv_list"], 200), ([], 403), (["kv_list"], 200)):
                assert here.patch(url, json={"grants": grants}).status_code == 200
                assert there.post(f"{url}/call/fetch", json=asked).json()["status"] == status


def test_a_log_out_ends_the_session_in_the_other_process(two: Two) -> None:
    one, other = two
    with one.log_in("owner@example.com") as here:
        token = here.headers["Authorization"]
        with httpx.Client(base_url=other.url, headers={"Authorization": token}) as there:
            assert there.get("/api/v1/plugins").status_code == 200
            here.post("/api/v1/auth/logout")
            assert there.get("/api/v1/plugins").status_code == 401


def test_a_run_is_cancelled_through_the_other_process(two: Two) -> None:
    one, other = two
    with one.log_in("owner@example.com") as here:
        asked = here.post("/api/v1/plugins/faults/call/sleep_forever", headers={"Prefer": "respond-async"})
        address = asked.headers["Location"]
        with httpx.Client(base_url=other.url, headers=here.headers, timeout=30) as there:
            wait_for(lambda: there.get(address).json().get("state") == "running")
            assert there.post(f"{address}/cancel").status_code == 204
            wait_for(lambda: there.get(address).json()["state"] == "cancelled")
            assert problem_code(there.post(f"{address}/cancel")) == "run-ended"
