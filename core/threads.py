"""Threads for the synchronous half of the server: the one that was used last is used next.

Each thread has its own database connection, and with it the database's caches. Handed out in turn, as the
standard library's pool does, they are cold at every use; many at once stand in each other's way.
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
    """Runs functions in threads, one at a time in each. For one event loop; threads end with the process.

    `most`: how many threads; who comes when all are at work waits. None for any number.
    """

    def __init__(self, name: str, most: int | None = None) -> None:
        self.name = name
        self._free: list[ThreadPoolExecutor] = []
        self._left = asyncio.Semaphore(most) if most is not None else None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls it in one of the threads, in a context of its own.

        It runs to its end even if nobody waits for it any more, and keeps its thread for so long.
        """
        if self._left is not None:
            await self._left.acquire()
        thread = self._free.pop() if self._free else ThreadPoolExecutor(1, thread_name_prefix=self.name)
        context = copy_context()
        work = thread.submit(lambda: context.run(function, *args, **kwargs))
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            if not work.cancelled():
                await asyncio.wait([asyncio.wrap_future(work)])
            raise
        finally:
            self._free.append(thread)
            if self._left is not None:
                self._left.release()


def with_connection(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls it with the thread's database connection looked after, as Django does around a request."""
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
