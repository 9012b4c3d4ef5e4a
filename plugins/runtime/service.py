"""This process's pool of workers, made when the first call needs it, and its way out to other servers."""

import threading
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

from plugins.network import DEFAULT_PORTS
from plugins.runtime.destinations import Destinations
from plugins.runtime.egress import Gate
from plugins.runtime.pool import Pool

_lock = threading.Lock()
_pools: list[Pool] = []


def get_pool() -> Pool:
    """The pool, with its workers starting if this is the first call."""
    with _lock:
        if not _pools:
            _pools.append(
                Pool(
                    size=settings.PLUGIN_WORKERS,
                    queue=settings.PLUGIN_QUEUE,
                    queue_timeout_ms=settings.PLUGIN_QUEUE_TIMEOUT_MS,
                    guest_memory_bytes=settings.PLUGIN_MAX_MEMORY_MB << 20,
                    cache_dir=Path(settings.DATA_DIR) / "compile-cache",
                )
            )
        return _pools[0]


def close_pool() -> None:
    """Ends the workers; the next call starts new ones."""
    with _lock:
        closing = _pools.copy()
        _pools.clear()
    for pool in closing:
        pool.close()


def get_gate() -> Gate:
    """The egress gate, as the settings want it."""
    public = urlsplit(settings.PUBLIC_URL)
    public_port = public.port or DEFAULT_PORTS[public.scheme]
    own_names = {(public.hostname or "", public_port), (settings.HOST.lower(), settings.PORT)}
    return Gate(
        destinations=Destinations(
            exceptions=settings.EGRESS_ALLOW_PRIVATE,
            own_names=frozenset(own_names),
            own_ports=frozenset({settings.PORT, public_port}),
        ),
        max_response_bytes=settings.EGRESS_MAX_RESPONSE_BYTES,
        timeout_seconds=settings.EGRESS_TIMEOUT_MS / 1000,
        via=own_pseudonym(),
    )


def own_pseudonym() -> str:
    """How requests of this server's plugins are signed in the header Via (RFC 9110, 7.6.3).

    The same in each of its processes, and telling nobody else which server it is.
    """
    return f"hostbridge-{salted_hmac('hostbridge.egress', 'via', algorithm='sha256').hexdigest()[:16]}"
