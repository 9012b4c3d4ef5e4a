"""The live feed over real sockets: whoever comes back hears what they missed, each event once."""

import asyncio
import json
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.server import Server

pytestmark = pytest.mark.asyncio
QUIET_SECONDS = 0.6  # longer than a batch of the journal and a look for what other processes told


@asynccontextmanager
async def feed(server: Server, client: httpx.Client, after: str = "") -> AsyncIterator[ClientConnection]:
    url = f"{server.ws_url}?after={after}" if after else server.ws_url
    headers = {"Authorization": client.headers["Authorization"]}
    # With a bound on what it holds unread, the client would not read on, and so wait ten seconds for the
    # answer to its Close.
    options = {"origin": None, "compression": None, "max_queue": None}
    async with connect(url, additional_headers=headers, **options) as socket:
        yield socket


async def heard(socket: ClientConnection) -> list[dict[str, Any]]:
    """Everything until it has been quiet for a while."""
    told = []
    while True:
        try:
            told.append(json.loads(await asyncio.wait_for(socket.recv(), QUIET_SECONDS)))
        except TimeoutError:
            return told


def executions(told: list[dict[str, Any]]) -> list[str]:
    """Ids of the calls of `call` that were told. Log-ins are executions, too, and are told a little later."""
    finished = [event["data"] for event in told if event["type"] == "execution.finished"]
    return [execution["id"] for execution in finished if execution["plugin"] == "template"]


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in told if event["type"].startswith("feed.")]


async def call(client: httpx.Client, times: int = 1) -> list[str]:
    """Ids of executions that this many calls made."""
    made = []
    for _ in range(times):
        response = await asyncio.to_thread(
            client.post, "/api/v1/plugins/template/call/greet", json={"name": "x"}
        )
        assert response.status_code == 200, response.text
        made.append(response.headers["Execution-Id"])
    return made


def person(server: Server) -> httpx.Client:
    email = f"{uuid.uuid4().hex[:8]}@example.com"
    server.sign_up(email)
    return server.log_in(email)


async def test_who_comes_back_hears_what_was_missed_once(server: Server) -> None:
    with person(server) as alice:
        async with feed(server, alice) as socket:
            first = await call(alice)
            before = await heard(socket)
        assert executions(before) == first
        missed = await call(alice, 3)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, alice, after=before[-1]["id"]) as socket:
            during = await call(alice)
            after = await heard(socket)
    assert executions(after) == missed + during
    assert kinds(after) == ["feed.ready"]
    ids = [event["id"] for event in before + after]
    assert len(ids) == len(set(ids))


async def test_a_connection_that_breaks_at_any_moment_loses_and_doubles_nothing(server: Server) -> None:
    """Someone calls without a pause; the feed is cut after every third event."""
    with person(server) as alice:
        last, seen = "", []
        async with feed(server, alice) as socket:
            last = json.loads(await asyncio.wait_for(socket.recv(), 10))["id"]
        calling = asyncio.create_task(call(alice, 60))
        while not calling.done() or len(seen) < 60:
            async with feed(server, alice, after=last) as socket:
                for _ in range(3):
                    event = json.loads(await asyncio.wait_for(socket.recv(), 10))
                    last = event["id"]
                    seen += executions([event])
                    if calling.done() and set(seen) >= set(calling.result()):
                        break
        assert sorted(seen) == sorted(await calling)


async def test_before_the_first_event_there_is_a_place_to_resume_from(server: Server) -> None:
    with person(server) as alice:
        async with feed(server, alice) as socket:
            (ready,) = await heard(socket)
        missed = await call(alice)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, alice, after=ready["id"]) as socket:
            assert executions(await heard(socket)) == missed


async def test_nobody_is_told_what_others_missed(server: Server) -> None:
    with person(server) as alice, person(server) as bob, server.log_in("owner@example.com") as owner:
        async with feed(server, bob) as socket:
            (ready,) = await heard(socket)
        alices = await call(alice)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, bob, after=ready["id"]) as socket:
            assert executions(await heard(socket)) == []
        async with feed(server, owner, after=ready["id"]) as socket:
            assert executions(await heard(socket)) == alices


@pytest.mark.parametrize("after", ["nonsense", "1", "-", "1-x", "9" * 40 + "-1", "999999999999-1", "0-0"])
async def test_a_place_that_is_not_known_is_told_as_a_gap(server: Server, after: str) -> None:
    with person(server) as alice:
        made = await call(alice)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, alice, after=after) as socket:
            told = await heard(socket)
    assert kinds(told) == ["feed.gap", "feed.ready"]
    assert told[0]["type"] == "feed.gap"
    assert executions(told) == made


async def test_a_session_that_ended_meanwhile_resumes_nothing(server: Server) -> None:
    with person(server) as alice:
        async with feed(server, alice) as socket:
            (ready,) = await heard(socket)
        await asyncio.to_thread(alice.post, "/api/v1/auth/logout")
        async with feed(server, alice, after=ready["id"]) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_server_that_starts_again_goes_on_where_it_was(data: Path, how: signal.Signals) -> None:
    one = Server.start(data)
    one.make_owner()
    with one.log_in("owner@example.com") as owner:
        async with feed(one, owner) as socket:
            seen = await call(owner)
            before = await heard(socket)
        missed = await call(owner, 2)
        await asyncio.sleep(QUIET_SECONDS)  # a killed server loses what it had not written
    one.stop(how)
    two = Server.start(data)
    try:
        with two.log_in("owner@example.com") as owner:
            async with feed(two, owner, after=before[-1]["id"]) as socket:
                during = await call(owner)
                after = await heard(socket)
    finally:
        two.stop()
    assert executions(before) == seen
    assert executions(after) == missed + during
    assert kinds(after) == ["feed.ready"]


async def test_two_server_processes_have_one_feed_without_redis(data: Path) -> None:
    one = Server.start(data)
    one.make_owner()
    two = Server.start(Path(f"{data}"))
    try:
        with one.log_in("owner@example.com") as here:
            there = httpx.Client(base_url=two.url, headers=here.headers, timeout=30)
            async with feed(one, here) as socket:
                elsewhere = await call(there)
                own = await call(here)
                before = await heard(socket)
            missed = [*await call(there, 2), *await call(here, 2), *await call(there)]
            await asyncio.sleep(QUIET_SECONDS)
            async with feed(two, there, after=before[-1]["id"]) as socket:
                during = await call(here)
                after = await heard(socket)
            there.close()
    finally:
        one.stop()
        two.stop()
    assert sorted(executions(before)) == sorted(elsewhere + own)
    assert sorted(executions(after)) == sorted(missed + during)
    assert kinds(after) == ["feed.ready"]
