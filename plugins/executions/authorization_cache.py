"""Who may call what, kept until something of it may have changed.

The database takes longer to ask than a small function to run, and its answers are the same call after call.
They are kept under a mark that every write to users, sessions, tokens, plugins and grants changes, in
whichever process (core.access_version); and for KEPT_SECONDS at most, for what is changed past Django.
"""

import time

from core import access_version
from plugins.executions.authorization import Authorization

KEPT_SECONDS = 5.0
MAX_BYTES = 32 << 20
ENTRY_BYTES = 4 << 10  # of an admission without the texts that are as long as somebody else likes


class AuthorizationCache:
    """Admissions by what they were decided from. For one thread, the event loop's."""

    def __init__(self) -> None:
        self._mark = b""
        self._bytes = 0
        self._entries: dict[bytes, tuple[float, Authorization]] = {}

    def get(self, key: bytes) -> Authorization | None:
        """None if the database has to be asked."""
        if self._mark != access_version.current():
            return None
        until, admission = self._entries.get(key, (0.0, None))
        return admission if until > time.monotonic() else None

    def keep(self, key: bytes, admission: Authorization, *, mark: bytes, seconds: float) -> None:
        """`mark`: generation.current() as it was before anything was looked up."""
        size = _size(admission)
        if mark != self._mark or self._bytes + size > MAX_BYTES:
            self._entries.clear()
            self._mark, self._bytes = mark, 0
        self._bytes += size
        self._entries[key] = time.monotonic() + min(seconds, KEPT_SECONDS), admission


def _size(admission: Authorization) -> int:
    """About how many bytes it takes. A client chooses its user agent anew for each request."""
    return ENTRY_BYTES + len(admission.client.user_agent) + len(admission.job.config)
