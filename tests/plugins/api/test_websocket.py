"""/ws/v1/events, over real sockets to a real server."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.server import Server

pytestmark = pytest.mark.asyncio


def bearer(client: httpx.Client) -> dict[str, str]:
    return {"Authorization": client.headers["Authorization"]}


@asynccontextmanager
async def listening(server: Server, client: httpx.Client) -> AsyncIterator[ClientConnection]:
    async with connect(server.ws_url, additional_headers=bearer(client), origin=None) as socket:
        await ready(socket)
        yield socket


async def ready(socket: ClientConnection) -> str:
    """Waits for `feed.ready`; returns the ID to resume from."""
    first = json.loads(await asyncio.wait_for(socket.recv(), 10))
    assert first["type"] == "feed.ready"
    return str(first["id"])


async def events_until(socket: ClientConnection, kind: str, **data: Any) -> list[dict[str, Any]]:
    """All events up to the first of this type whose data has these values."""
    seen = []
    while True:
        event = json.loads(await asyncio.wait_for(socket.recv(), 10))
        seen.append(event)
        if event["type"] == kind and all(event["data"][key] == value for key, value in data.items()):
            return seen


async def closing_code(server: Server, **options: Any) -> int:
    async with connect(server.ws_url, **options) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 10)
        assert closed.value.rcvd is not None
        return int(closed.value.rcvd.code)


def person(server: Server, name: str) -> httpx.Client:
    email = f"{name}-{uuid.uuid4().hex[:8]}@example.com"
    server.sign_up(email)
    return server.log_in(email)


async def test_users_get_events_of_their_own_executions(server: Server) -> None:
    with person(server, "alice") as alice:
        async with listening(server, alice) as socket:
            response = await asyncio.to_thread(
                alice.post, "/api/v1/plugins/template/call/greet", json={"name": "Ada"}
            )
            execution = response.headers["Execution-Id"]
            seen = await events_until(socket, "execution.finished", id=execution)
    *started, finished = seen  # a short call ends before its start would be published
    assert [event["type"] for event in started] in ([], ["execution.started"])
    assert {event["data"]["id"] for event in seen} == {execution}
    assert finished["data"]["state"] == "succeeded"
    assert finished["data"]["plugin"] == "template"
    with httpx.Client(base_url=server.url, headers=bearer(alice)) as again:
        assert again.get(f"/api/v1/executions/{execution}").json()["state"] == "succeeded"


async def test_longer_run_has_events_for_start_and_end(server: Server) -> None:
    server.install_fixture("faults")
    with person(server, "alice") as alice:
        async with listening(server, alice) as socket:
            response = await asyncio.to_thread(
                alice.post, "/api/v1/plugins/faults/call/sleep_forever", content=b""
            )
            seen = await events_until(socket, "execution.finished", id=response.headers["Execution-Id"])
    assert [event["data"]["state"] for event in seen] == ["running", "timed_out"]
    assert [event["type"] for event in seen] == ["execution.started", "execution.finished"]
    assert len({event["id"] for event in seen}) == 2


async def test_users_get_no_events_of_others_and_staff_get_all(server: Server) -> None:
    with (
        person(server, "alice") as alice,
        person(server, "bob") as bob,
        server.log_in("owner@example.com") as owner,
    ):
        async with listening(server, bob) as bobs, listening(server, owner) as owners:
            calls = [
                await asyncio.to_thread(who.post, "/api/v1/plugins/template/call/greet", json={"name": "x"})
                for who in (alice, bob, owner)
            ]
            ids = [call.headers["Execution-Id"] for call in calls]
            bob_saw = await events_until(bobs, "execution.finished", id=ids[1])
            owner_saw = await events_until(owners, "execution.finished", id=ids[2])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bobs.recv(), 0.5)
    assert {event["data"]["id"] for event in bob_saw} == {ids[1]}
    finished = [event["data"]["id"] for event in owner_saw if event["type"] == "execution.finished"]
    assert [known for known in finished if known in ids] == ids  # each once


async def test_feed_ends_with_its_session(server: Server) -> None:
    with person(server, "alice") as alice:
        async with listening(server, alice) as socket:
            await asyncio.to_thread(alice.post, "/api/v1/auth/logout")
            seen = await events_until(socket, "session.ended")
            assert "token" not in json.dumps(seen)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await asyncio.wait_for(socket.recv(), 10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401


async def test_feed_needs_a_session(server: Server) -> None:
    assert await closing_code(server, origin=None) == 4401
    assert await closing_code(server, origin=server.url) == 4401
    headers = {"Authorization": "Bearer hbs_made_up"}
    assert await closing_code(server, origin=None, additional_headers=headers) == 4401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
async def test_cookie_is_accepted_only_from_same_origin(server: Server, origin: str | None) -> None:
    with person(server, "alice") as alice:
        token = alice.headers["Authorization"].removeprefix("Bearer ")
        headers = {"Cookie": f"hostbridge_session={token}"}
        assert await closing_code(server, origin=origin, additional_headers=headers) == 4403
        async with connect(server.ws_url, origin=server.url, additional_headers=headers) as socket:
            await ready(socket)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.3)


async def test_client_messages_are_ignored(server: Server) -> None:
    with person(server, "alice") as alice:
        async with listening(server, alice) as socket:
            for nonsense in ("{", "[]", "x" * 1000, b"\xff\xfe"):
                await socket.send(nonsense)
            await asyncio.to_thread(alice.post, "/api/v1/plugins/template/call/greet", json={"name": "x"})
            await events_until(socket, "execution.finished")
