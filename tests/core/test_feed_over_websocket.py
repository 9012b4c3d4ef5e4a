"""The live feed over real WebSockets: a client that reconnects gets what it missed, each event once."""

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
QUIET_SECONDS = 0.6  # longer than the journal's interval between writes plus the feed's polling interval


@asynccontextmanager
async def feed(server: Server, client: httpx.Client, after: str = "") -> AsyncIterator[ClientConnection]:
    url = f"{server.ws_url}?after={after}" if after else server.ws_url
    headers = {"Authorization": client.headers["Authorization"]}
    # With a bounded queue the client would stop reading, and wait ten seconds for the reply to its Close.
    options = {"origin": None, "compression": None, "max_queue": None}
    async with connect(url, additional_headers=headers, **options) as socket:
        yield socket


async def received(socket: ClientConnection) -> list[dict[str, Any]]:
    """Every event until none has come for QUIET_SECONDS."""
    events = []
    while True:
        try:
            events.append(json.loads(await asyncio.wait_for(socket.recv(), QUIET_SECONDS)))
        except TimeoutError:
            return events


def executions(events: list[dict[str, Any]]) -> list[str]:
    """Ids of the executions that `call` started. Log-ins are executions too, and finish a little later."""
    finished = [event["data"] for event in events if event["type"] == "execution.finished"]
    return [execution["id"] for execution in finished if execution["plugin"] == "template"]


def feed_events(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events if event["type"].startswith("feed.")]


async def call(client: httpx.Client, times: int = 1) -> list[str]:
    """Ids of the executions of this many calls."""
    ids = []
    for _ in range(times):
        response = await asyncio.to_thread(
            client.post, "/api/v1/plugins/template/call/greet", json={"name": "x"}
        )
        assert response.status_code == 200, response.text
        ids.append(response.headers["Execution-Id"])
    return ids


def person(server: Server) -> httpx.Client:
    email = f"{uuid.uuid4().hex[:8]}@example.com"
    server.sign_up(email)
    return server.log_in(email)


async def test_a_client_that_reconnects_gets_missed_events_once(server: Server) -> None:
    with person(server) as alice:
        async with feed(server, alice) as socket:
            first = await call(alice)
            before = await received(socket)
        assert executions(before) == first
        missed = await call(alice, 3)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, alice, after=before[-1]["id"]) as socket:
            during = await call(alice)
            after = await received(socket)
    assert executions(after) == missed + during
    assert feed_events(after) == ["feed.ready"]
    ids = [event["id"] for event in before + after]
    assert len(ids) == len(set(ids))


async def test_reconnecting_at_any_moment_loses_and_repeats_nothing(server: Server) -> None:
    """Calls follow each other without a pause; the feed disconnects after every third event."""
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


async def test_a_client_can_resume_before_its_first_event(server: Server) -> None:
    with person(server) as alice:
        async with feed(server, alice) as socket:
            (ready,) = await received(socket)
        missed = await call(alice)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, alice, after=ready["id"]) as socket:
            assert executions(await received(socket)) == missed


async def test_resuming_never_returns_other_peoples_events(server: Server) -> None:
    with person(server) as alice, person(server) as bob, server.log_in("owner@example.com") as owner:
        async with feed(server, bob) as socket:
            (ready,) = await received(socket)
        alices = await call(alice)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, bob, after=ready["id"]) as socket:
            assert executions(await received(socket)) == []
        async with feed(server, owner, after=ready["id"]) as socket:
            assert executions(await received(socket)) == alices


@pytest.mark.parametrize("after", ["nonsense", "1", "-", "1-x", "9" * 40 + "-1", "999999999999-1", "0-0"])
async def test_resuming_from_an_unknown_position_reports_a_gap(server: Server, after: str) -> None:
    with person(server) as alice:
        executed = await call(alice)
        await asyncio.sleep(QUIET_SECONDS)
        async with feed(server, alice, after=after) as socket:
            events = await received(socket)
    assert feed_events(events) == ["feed.gap", "feed.ready"]
    assert events[0]["type"] == "feed.gap"
    assert executions(events) == executed


async def test_an_ended_session_cannot_resume(server: Server) -> None:
    with person(server) as alice:
        async with feed(server, alice) as socket:
            (ready,) = await received(socket)
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
async def test_a_restarted_server_continues_the_feed(data: Path, how: signal.Signals) -> None:
    one = Server.start(data)
    one.make_owner()
    with one.log_in("owner@example.com") as owner:
        async with feed(one, owner) as socket:
            seen = await call(owner)
            before = await received(socket)
        missed = await call(owner, 2)
        await asyncio.sleep(QUIET_SECONDS)  # a killed server loses what it has not written yet
    one.stop(how)
    two = Server.start(data)
    try:
        with two.log_in("owner@example.com") as owner:
            async with feed(two, owner, after=before[-1]["id"]) as socket:
                during = await call(owner)
                after = await received(socket)
    finally:
        two.stop()
    assert executions(before) == seen
    assert executions(after) == missed + during
    assert feed_events(after) == ["feed.ready"]


async def test_two_server_processes_share_one_feed_without_redis(data: Path) -> None:
    one = Server.start(data)
    one.make_owner()
    two = Server.start(Path(f"{data}"))
    try:
        with one.log_in("owner@example.com") as here:
            there = httpx.Client(base_url=two.url, headers=here.headers, timeout=30)
            async with feed(one, here) as socket:
                elsewhere = await call(there)
                own = await call(here)
                before = await received(socket)
            missed = [*await call(there, 2), *await call(here, 2), *await call(there)]
            await asyncio.sleep(QUIET_SECONDS)
            async with feed(two, there, after=before[-1]["id"]) as socket:
                during = await call(here)
                after = await received(socket)
            there.close()
    finally:
        one.stop()
        two.stop()
    assert sorted(executions(before)) == sorted(elsewhere + own)
    assert sorted(executions(after)) == sorted(missed + during)
    assert feed_events(after) == ["feed.ready"]
