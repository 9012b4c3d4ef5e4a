"""Who may call what, cached until any part of that may have changed.

A database look-up takes longer than a small function runs, and finds the same call after call. So its answer
is cached, under the access version (core.access_version): every write to users, sessions, tokens, plugins and
grants changes it, in whichever process. CACHE_SECONDS bounds it as well, because of changes made past Django.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any, NamedTuple, Self

import msgspec

from core import access_version
from plugins.executions.authorization import Authorization

CACHE_SECONDS = 5.0
MAX_BYTES = 32 << 20
ENTRY_BYTES = 4 << 10  # of an entry, apart from the texts whose length a client or a plugin chooses
# Only these headers, and where the request came from, are there when it is decided who may call.
_DECIDING_HEADERS = frozenset(
    {
        b"host", b"authorization", b"cookie", b"x-csrftoken", b"origin", b"referer", b"via", b"user-agent",
        b"x-forwarded-proto", b"x-forwarded-for",
    }
)  # fmt: skip
_encode = msgspec.msgpack.Encoder().encode


class RequestHead(NamedTuple):
    """Everything in a request that decides who may call what: its path, its origin and some headers.

    The decision sees nothing else of the request, so nothing else can matter to it.
    """

    path: str
    scheme: str
    server: tuple[str, int] | None
    client: str | None
    headers: list[tuple[bytes, bytes]]

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> Self:
        client = scope.get("client")
        headers = [pair for pair in scope["headers"] if pair[0] in _DECIDING_HEADERS]
        return cls(
            scope["path"], scope["scheme"], scope.get("server"), client[0] if client else None, headers
        )

    def as_scope(self) -> MutableMapping[str, Any]:
        client = (self.client, 0) if self.client else None
        rest = {"type": "http", "method": "POST", "query_string": b"", "client": client}
        return self._asdict() | rest


# The authorization, and for how many seconds it holds by what is known now.
LookUp = Callable[[RequestHead], Awaitable[tuple[Authorization, float]]]


class AuthorizationCache:
    """Authorizations by the head of their request. For one event loop."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._version = b""
        self._bytes = 0
        self._entries: dict[bytes, tuple[float, Authorization]] = {}
        self._pending: dict[tuple[bytes, bytes], asyncio.Task[Authorization]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, head: RequestHead) -> Authorization:
        """From the cache, or looked up. Raises what the look-up raises."""
        key, version = sha256(_encode(head)).digest(), access_version.current()
        cached = self.find(key)
        if cached is not None:
            return cached
        # One look-up for everyone who waits for the same answer, unless access has changed since it began.
        pending = self._pending.get((key, version))
        if pending is None:
            pending = asyncio.create_task(self._fill(head, key, version))
            self._pending[key, version] = pending
            pending.add_done_callback(lambda _: self._pending.pop((key, version)))
        return await asyncio.shield(pending)

    def find(self, key: bytes) -> Authorization | None:
        if self._version != access_version.current():
            return None
        until, authorization = self._entries.get(key, (0.0, None))
        return authorization if until > time.monotonic() else None

    def store(self, key: bytes, authorization: Authorization, *, version: bytes, seconds: float) -> None:
        """`version`: the access version before anything was looked up. `seconds`: how long it may last."""
        if version != access_version.current():
            return  # access has changed since; what is cached may be newer
        size = _size(authorization)
        if version != self._version or self._bytes + size > MAX_BYTES:
            self._entries.clear()
            self._version, self._bytes = version, 0
        self._bytes += size
        self._entries[key] = time.monotonic() + min(seconds, CACHE_SECONDS), authorization

    async def _fill(self, head: RequestHead, key: bytes, version: bytes) -> Authorization:
        authorization, seconds = await self._look_up(head)
        self.store(key, authorization, version=version, seconds=seconds)
        return authorization


def _size(authorization: Authorization) -> int:
    """About how many bytes it takes. A client may choose another user agent for each request."""
    return ENTRY_BYTES + len(authorization.client.user_agent) + len(authorization.job.config)
