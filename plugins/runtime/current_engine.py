"""This process's engine: the server's, or a private one if this process is not a server."""

import threading
from pathlib import Path

from django.conf import settings

from plugins.runtime.engine import Engine, PrivateEngine
from plugins.runtime.pool import Pool

_lock = threading.Lock()
_engines: list[Engine] = []  # none or one


def get_engine() -> Engine:
    """This process's engine. Outside a server, the first call starts a private one. For any thread."""
    with _lock:
        if not _engines:
            _engines.append(PrivateEngine(_make_pool))
        return _engines[0]


def start_engine() -> Engine:
    """Starts this process's engine and its workers on the running event loop, the server's."""
    with _lock:
        if _engines:
            raise RuntimeError("This process already has an engine.")
        _engines.append(Engine.here(_make_pool))
    get_pool()  # workers start now, not when the first call waits for one
    return _engines[0]


async def stop_engine() -> None:
    """Closes the engine that `start_engine` started. It stays, to refuse late calls."""
    for engine in _engines:
        await engine.close()


def shut_down_engine() -> None:
    """Ends a private engine, or forgets one that has stopped. The next call starts another."""
    with _lock:
        stopping = [engine for engine in _engines if isinstance(engine, PrivateEngine)]
        _engines.clear()
    for engine in stopping:
        engine.shut_down()


def get_pool() -> Pool:
    """The pool of this process's engine. Its workers start at the first use."""
    return get_engine().pool


def _make_pool() -> Pool:
    return Pool(
        size=settings.PLUGIN_WORKERS,
        queue=settings.PLUGIN_QUEUE,
        queue_timeout_ms=settings.PLUGIN_QUEUE_TIMEOUT_MS,
        guest_memory_bytes=settings.PLUGIN_MAX_MEMORY_MB << 20,
        cache_dir=Path(settings.DATA_DIR) / "compile-cache",
    )
