"""/ws/v1/events: live events over a WebSocket, sent to the people whom they concern."""

import asyncio
import contextlib
import json
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path
from django.utils import timezone

from accounts import sessions
from accounts.authentication import COOKIE
from accounts.models import Session
from core.events import EVERYONE_GROUP, STAFF_GROUP, user_group
from core.feed import Feed, Listener, Position, read_missed

NOT_LOGGED_IN = 4401
WRONG_ORIGIN = 4403
TRY_AGAIN = 1013


class EventsConsumer(AsyncWebsocketConsumer):
    """One person's feed. It only sends, and it ends with the session that opened it.

    With `?after=<id>` it resumes after that event: it sends what was missed, then `feed.ready`, then new
    events. `feed.gap` comes first if some of the missed events are no longer stored.

    It closes with 4403 for a foreign origin and with 4401 without a live session, in both cases after
    accepting, because a browser hides from its page why a handshake was refused. It closes with 1013 if the
    client reads too slowly; the client should then connect again and resume.
    """

    feed: Feed
    listener: Listener | None = None
    tasks: "tuple[asyncio.Task[None], ...]" = ()

    async def connect(self) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        await self.accept()
        token, from_cookie = _token(headers)
        # A browser always sends the page's origin, and sends the cookie from pages of any origin.
        if ("origin" in headers or from_cookie) and not _same_origin(headers):
            await self.close(WRONG_ORIGIN)
            return
        session = await _live(token)
        if session is None or Feed.running is None:
            await self.close(NOT_LOGGED_IN if session is None else TRY_AGAIN)
            return
        self.feed, listener = Feed.running, Listener(_groups(session))
        position = await self.feed.join(listener)
        self.listener = listener
        if await _live(token) is None:  # it ended before this listener joined the feed
            await self.close(NOT_LOGGED_IN)
            return
        self.tasks = (
            asyncio.create_task(self._send_events(session, listener, position)),
            asyncio.create_task(self._close_at(session.expires_at)),
        )

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
        if self.listener is not None:
            self.feed.leave(self.listener)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Ignores whatever the client sends."""

    async def _send_events(self, session: Session, listener: Listener, position: int) -> None:
        after = parse_qs(self.scope["query_string"].decode("latin-1")).get("after")
        if after:
            await self._send_missed(Position.parse(after[0]), position, listener)
        await self._send_marker("feed.ready", Position(position + 1, 0))
        while (event := await listener.next()) is not None:
            await self.send(event.text)
            if event.type == "session.ended" and event.data["id"] == str(session.pk):
                await self.close(NOT_LOGGED_IN)
                return
        await self.close(TRY_AGAIN)

    async def _send_missed(self, after: Position | None, position: int, listener: Listener) -> None:
        # Not on the single thread for thread-sensitive work, since there may be much to read.
        gap, events = await database_sync_to_async(read_missed, thread_sensitive=False)(
            after, position, listener.groups
        )
        if gap is not None:
            await self._send_marker("feed.gap", gap)
        for event in events:
            await self.send(event.text)

    async def _send_marker(self, kind: str, position: Position) -> None:
        """Sends an event about the feed itself."""
        await self.send(
            json.dumps({"id": str(position), "type": kind, "at": timezone.now().isoformat(), "data": {}})
        )

    async def _close_at(self, moment: datetime) -> None:
        while (left := (moment - timezone.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left, 3600))
        await self.close(NOT_LOGGED_IN)


async def _live(token: str | None) -> Session | None:
    return await database_sync_to_async(sessions.get_session)(token) if token else None


def _groups(session: Session) -> frozenset[str]:
    groups = {EVERYONE_GROUP, user_group(session.user_id)}
    return frozenset(groups | {STAFF_GROUP} if session.user.is_staff else groups)


def _token(headers: dict[str, str]) -> tuple[str | None, bool]:
    """The token, and whether it came in the cookie."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip(), False
    with contextlib.suppress(CookieError):
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if morsel is not None:
            return morsel.value, True
    return None, False


def _same_origin(headers: dict[str, str]) -> bool:
    return urlsplit(headers.get("origin", "")).netloc.lower() == headers.get("host", "").lower() != ""


events: Any = EventsConsumer.as_asgi()
websocket_urlpatterns: list[Any] = [path("ws/v1/events", events)]
