"""/ws/v1/events: what happens, live, to those whom it concerns."""

import asyncio
import contextlib
from collections import deque
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.utils import timezone

from accounts import services
from accounts.authentication import COOKIE
from accounts.events import EVERYONE_GROUP, STAFF_GROUP, user_group
from accounts.models import Session

NOT_LOGGED_IN = 4401
WRONG_ORIGIN = 4403


class EventsConsumer(AsyncJsonWebsocketConsumer):
    """One person's feed. It sends and never listens, and it ends with the session that opened it.

    Closes with 4403 for a foreign origin and 4401 without a live session; both after accepting, because a
    browser does not tell a page the reason of a refused handshake.
    """

    session: Session | None = None
    heard: "deque[str]"
    expiry: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        self.heard = deque(maxlen=256)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        await self.accept()
        token, from_cookie = _token(headers)
        # A browser always names the page's origin, and would send the cookie along from any page.
        if ("origin" in headers or from_cookie) and not _same_origin(headers):
            await self.close(WRONG_ORIGIN)
            return
        self.session = await database_sync_to_async(services.get_session)(token) if token else None
        if self.session is None:
            await self.close(NOT_LOGGED_IN)
            return
        for group in self._groups(self.session):
            await self.channel_layer.group_add(group, self.channel_name)
        self.expiry = asyncio.create_task(self._close_at(self.session.expires_at))

    async def disconnect(self, code: int) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
        if self.session is not None:
            for group in self._groups(self.session):
                await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Nothing that a client says here means anything."""

    async def events(self, message: dict[str, Any]) -> None:
        for event in message["events"]:
            await self._tell(event)

    async def _tell(self, event: dict[str, Any]) -> None:
        if event["id"] in self.heard:  # staff hear of their own twice: as staff and as themselves
            return
        self.heard.append(event["id"])
        await self.send_json(event)
        if self.session and event["type"] == "session.ended" and event["data"]["id"] == str(self.session.pk):
            await self.close(NOT_LOGGED_IN)

    async def _close_at(self, moment: datetime) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while (left := (moment - timezone.now()).total_seconds()) > 0:
                await asyncio.sleep(min(left, 3600))
            await self.close(NOT_LOGGED_IN)

    @staticmethod
    def _groups(session: Session) -> list[str]:
        groups = [EVERYONE_GROUP, user_group(session.user_id)]
        return [*groups, STAFF_GROUP] if session.user.is_staff else groups


def _token(headers: dict[str, str]) -> tuple[str | None, bool]:
    """The token and whether it came in the cookie."""
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
