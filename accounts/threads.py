"""Threads for the synchronous half of the server: the one that was used last is used next.

Each thread has its own database connection, and with it the database's caches. Handed out in turn, as the
standard library's pool does, they are cold at every use; many at once stand in each other's way.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")


class WarmThreads:
    """Lends threads, each to one borrower at a time. For one event loop; threads end with the process.

    `most`: how many; who comes when all are lent waits. None for any number.
    """

    def __init__(self, name: str, most: int | None = None) -> None:
        self.name = name
        self._free: list[ThreadPoolExecutor] = []
        self._left = asyncio.Semaphore(most) if most is not None else None

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[ThreadPoolExecutor]:
        if self._left is not None:
            await self._left.acquire()
        thread = self._free.pop() if self._free else ThreadPoolExecutor(1, thread_name_prefix=self.name)
        try:
            yield thread
        finally:
            self._free.append(thread)
            if self._left is not None:
                self._left.release()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls it in one of the threads, its database connection looked after as around a request.

        It runs to its end even if nobody waits for it any more, and keeps its thread for so long.
        """
        async with self.lend() as thread:
            call = asyncio.get_running_loop().run_in_executor(
                thread, lambda: _with_connection(function, *args, **kwargs)
            )
            try:
                return await asyncio.shield(call)
            except asyncio.CancelledError:
                await asyncio.wait([call])
                raise


class SharedThreads:
    """Lends threads to any number of borrowers, but has no more than `most`: who comes when all are lent
    shares the one with the fewest borrowers. A borrower who waits for a slow client is in nobody's way there;
    a thread of its own would keep its database connection to the end of the process.

    For one event loop.
    """

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self._free: list[ThreadPoolExecutor] = []
        self._lent: Counter[ThreadPoolExecutor] = Counter()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[ThreadPoolExecutor]:
        thread = self._take()
        self._lent[thread] += 1
        try:
            yield thread
        finally:
            self._lent[thread] -= 1
            if not self._lent[thread]:
                del self._lent[thread]
                self._free.append(thread)

    def _take(self) -> ThreadPoolExecutor:
        if self._free:
            return self._free.pop()
        if len(self._lent) < self.most:
            return ThreadPoolExecutor(1, thread_name_prefix=self.name)
        return min(self._lent, key=self._lent.__getitem__)


def _with_connection(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
