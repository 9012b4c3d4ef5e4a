"""What a call has to know of its caller and its plugin, kept until something of it may have changed.

The database takes longer to ask than a small function to run, and its answers are the same call after call.
They are kept under a mark that every write to users, sessions, plugins and grants changes, in whichever
process (accounts.generation); and for KEPT_SECONDS at most, for what is changed past Django.
"""

import time
from typing import Any

from django.utils import timezone

from accounts import generation, services
from accounts.models import APIToken, Session
from accounts.tokens import hash_token
from plugins import registry, store
from plugins.models import Plugin

KEPT_SECONDS = 5
MAX_ENTRIES = 10_000


class NotKept(Exception):
    """The database has to be asked."""


class Lookups:
    """Asks the database, every time."""

    def session(self, token: str) -> Session | None:
        return services.get_session(token)

    def api_token(self, token: str) -> APIToken | None:
        return services.get_api_token(token)

    def plugin(self, slug: str) -> Plugin:
        """Raises NotFound."""
        return registry.get_plugin(slug)


class Remembering(Lookups):
    """Asks the database, and remembers what can be kept. For one call."""

    def __init__(self) -> None:
        self.mark = generation.current()  # before anything is looked up
        self.found: dict[str, Any] = {}

    def session(self, token: str) -> Session | None:
        session = super().session(token)
        if session is not None:
            self.found[_session_key(token)] = session
        return session

    def plugin(self, slug: str) -> Plugin:
        plugin = super().plugin(slug)
        if plugin.release_id is not None:
            store.host_functions(plugin.active.sha256)
            if plugin.active.manifest.network:
                _ = plugin.network_granted
            self.found[_plugin_key(slug)] = plugin
        return plugin


class Kept(Lookups):
    """Never asks the database. All methods raise NotKept. For one thread, the event loop's."""

    def __init__(self) -> None:
        self._mark = b""
        self._entries: dict[str, tuple[float, Any]] = {}

    def keep(self, remembered: Remembering) -> None:
        if remembered.mark != self._mark or len(self._entries) >= MAX_ENTRIES:
            self._entries.clear()
            self._mark = remembered.mark
        until = time.monotonic() + KEPT_SECONDS
        self._entries |= {key: (until, answer) for key, answer in remembered.found.items()}

    def session(self, token: str) -> Session | None:
        session: Session = self._get(_session_key(token))
        return session if session.expires_at > timezone.now() else None

    def api_token(self, token: str) -> APIToken | None:
        raise NotKept  # that it was used is to be noted

    def plugin(self, slug: str) -> Plugin:
        plugin: Plugin = self._get(_plugin_key(slug))
        return plugin

    def _get(self, key: str) -> Any:
        until, answer = self._entries.get(key, (0.0, None))
        if until <= time.monotonic() or self._mark != generation.current():
            raise NotKept
        return answer


def _session_key(token: str) -> str:
    return f"session {hash_token(token)}"


def _plugin_key(slug: str) -> str:
    return f"plugin {slug}"
