"""This process's pool of workers, made when the first call needs it, and its way out to other servers."""

import threading
from pathlib import Path

from django.conf import settings

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
