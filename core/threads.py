"""Threads for synchronous work. The thread that was used last is used next.

Each thread has a database connection of its own, with the caches that come with it. The standard library's
pool uses its threads in turn, so their caches are cold each time, and a large number of threads slow each
other down.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")


class ReusedThreads:
    """Runs functions in threads, one function per thread at a time. For use from one event loop.

    `limit` bounds how many run at once; the others wait. Threads end with the process.
    """

    def __init__(self, name: str, limit: int | None = None) -> None:
        self.name = name
        self._idle: list[ThreadPoolExecutor] = []
        self._slots = asyncio.Semaphore(limit) if limit is not None else None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls the function in a thread, in a copy of the current context.

        Cancelling does not stop the function: `run` waits for it all the same, and it keeps its thread.
        """
        if self._slots is not None:
            await self._slots.acquire()
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, thread_name_prefix=self.name)
        context = copy_context()
        future = thread.submit(lambda: context.run(function, *args, **kwargs))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancelled():
                await asyncio.wait([asyncio.wrap_future(future)])
            raise
        finally:
            self._idle.append(thread)
            if self._slots is not None:
                self._slots.release()


def with_connection(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls the function, and closes old database connections before and after, as a Django request does."""
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()


def with_passing_connection(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls the function, then closes the thread's database connection."""
    try:
        return function(*args, **kwargs)
    finally:
        connections.close_all()
