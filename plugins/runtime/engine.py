"""The engine: an event loop with the pool of workers on it, usable from every thread.

A server runs the engine on its own event loop, so that the call endpoint waits for workers without a thread.
Commands and tests get a private loop in a thread. Synchronous callers submit a coroutine and wait. Meanwhile
their own thread runs what must not block the loop, such as database queries, so a call's host calls use the
caller's database connection.
"""

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, Self, TypeVar

from asgiref.current_thread_executor import CurrentThreadExecutor

from core.threads import ReusedThreads, with_connection, with_passing_connection
from plugins.runtime.pool import Pool

T = TypeVar("T")


class Offload(Protocol):
    """Calls a blocking function off the event loop and returns its result."""

    def __call__(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]: ...


class Engine:
    """`make_pool` is called once, on the loop, when the pool is first needed."""

    def __init__(
        self, make_pool: Callable[[], Pool], loop: asyncio.AbstractEventLoop, thread_id: int
    ) -> None:
        self._make_pool = make_pool
        self._loop = loop
        self._thread_id = thread_id
        self._pool: Pool | None = None
        self._threads = ReusedThreads("host-call")

    @classmethod
    def here(cls, make_pool: Callable[[], Pool]) -> Self:
        """An engine on the running event loop."""
        return cls(make_pool, asyncio.get_running_loop(), threading.get_ident())

    @property
    def pool(self) -> Pool:
        """The pool. Its workers start at the first use. For any thread."""
        if self._pool is None:
            self.call(self._start_pool)
        assert self._pool is not None  # noqa: S101 - for the type checker
        return self._pool

    @property
    def is_here(self) -> bool:
        """Whether this is the engine's own thread."""
        return threading.get_ident() == self._thread_id

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Calls a function on the loop and returns its result. It must not block. For any thread."""
        if self.is_here:
            return function(*args)

        async def call() -> T:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def run(self, work: Callable[[Offload], Coroutine[Any, Any, T]]) -> T:
        """Runs a coroutine on the engine's loop and waits for it. It offloads to the calling thread.

        Raises RuntimeError on the loop's own thread, which would wait for itself.
        """
        if self.is_here:
            raise RuntimeError("Await this on the event loop; only other threads may wait for it.")
        caller = CurrentThreadExecutor(None)
        interrupts: list[BaseException] = []

        def call(function: Callable[..., T], args: tuple[Any, ...]) -> T:
            try:
                return function(*args)
            except Exception:
                raise
            except BaseException as error:  # Ctrl-C belongs to this thread: it would stop the event loop
                interrupts.append(error)
                raise RuntimeError("The caller was interrupted.") from error

        async def offload(function: Callable[..., Any], /, *args: Any) -> Any:
            return await self._loop.run_in_executor(caller, call, function, args)

        future = asyncio.run_coroutine_threadsafe(work(offload), self._loop)
        try:
            caller.run_until_future(future)
        except BaseException:
            future.cancel()
            raise
        if interrupts:
            raise interrupts[0]
        return future.result()

    def cancel(self, call_id: uuid.UUID) -> bool:
        """As Pool.cancel, for any thread."""
        return self._pool is not None and self.call(self._pool.cancel, call_id)

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Calls a blocking function in a thread that has a database connection. On the engine's loop."""
        return await self._threads.run(with_connection, function, *args)

    async def close(self) -> None:
        """Closes the pool, which ends every call and worker. On the engine's loop."""
        if self._pool is not None:
            await self._pool.close()

    def _start_pool(self) -> None:
        if self._pool is None:
            self._pool = self._make_pool()
            self._pool.supervisor.start()


class PrivateEngine(Engine):
    """An engine on an event loop of its own, in a thread that lives until `shut_down`."""

    def __init__(self, make_pool: Callable[[], Pool]) -> None:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run_forever, args=[loop], name="engine", daemon=True)
        self._thread.start()
        super().__init__(make_pool, loop, self._thread.ident or 0)

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        return await self._threads.run(with_passing_connection, function, *args)

    def shut_down(self) -> None:
        """Closes the pool, cancels what else runs on the loop, and ends its thread. For any other thread."""
        self.run(lambda _: self.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:  # cancels what is left, and closes the loop
        runner.get_loop().run_forever()
