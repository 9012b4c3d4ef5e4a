"""This process's pool of workers, made when the first call needs it."""

import threading
from pathlib import Path

from django.conf import settings

from plugins.runtime.pool import Pool

_lock = threading.Lock()
_pool: Pool | None = None


def get_pool() -> Pool:
    global _pool
    with _lock:
        if _pool is None:
            _pool = Pool(
                size=settings.PLUGIN_WORKERS,
                queue=settings.PLUGIN_QUEUE,
                queue_timeout_ms=settings.PLUGIN_QUEUE_TIMEOUT_MS,
                guest_memory_bytes=settings.PLUGIN_MAX_MEMORY_MB << 20,
                cache_dir=Path(settings.DATA_DIR) / "compile-cache",
            )
        return _pool


def close_pool() -> None:
    """Ends the workers; the next call starts new ones."""
    global _pool
    with _lock:
        pool, _pool = _pool, None
    if pool is not None:
        pool.close()
