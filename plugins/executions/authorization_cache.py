"""A cache of authorizations, valid until anything they depend on may have changed.

Authorizing a call in the database takes longer than a small function runs, and gives the same result call
after call. So the result is cached under the access version (core.access_version), which changes with every
write to users, sessions, tokens, plugins and grants, in any process. Entries also expire after CACHE_SECONDS,
because changes made outside Django do not advance the version.
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
ENTRY_BYTES = 4 << 10  # the size of an entry without the texts whose length a client or a plugin chooses
# Authorization sees only these headers.
_DECIDING_HEADERS = frozenset(
    {
        b"host", b"authorization", b"cookie", b"x-csrftoken", b"origin", b"referer", b"via", b"user-agent",
        b"x-forwarded-proto", b"x-forwarded-for",
    }
)  # fmt: skip
_encode = msgspec.msgpack.Encoder().encode


class RequestHead(NamedTuple):
    """The parts of a request that authorization depends on: its path, its origin and some headers.

    Authorization sees no other part, so no other part can influence it.
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


# Returns the authorization and for how many seconds its credential is valid.
LookUp = Callable[[RequestHead], Awaitable[tuple[Authorization, float]]]


class AuthorizationCache:
    """Authorizations by request head. For use on one event loop."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._version = b""
        self._bytes = 0
        self._entries: dict[bytes, tuple[float, Authorization]] = {}
        self._pending: dict[tuple[bytes, bytes], asyncio.Task[Authorization]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, head: RequestHead) -> Authorization:
        """The authorization, cached or looked up. Raises what the look-up raises."""
        key, version = sha256(_encode(head)).digest(), access_version.current()
        cached = self.find(key)
        if cached is not None:
            return cached
        # Requests with the same head share one look-up, unless access has changed since it began.
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
        """Caches it for `seconds` at most. `version`: the access version before the look-up."""
        if version != access_version.current():
            return  # access has changed since the look-up began; the entries in the cache may be newer
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
    """The approximate size in bytes. A client can send a different user agent with every request."""
    return ENTRY_BYTES + len(authorization.client.user_agent) + len(authorization.job.config)
