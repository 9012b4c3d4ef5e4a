"""Fills the compile cache beside the calls: the workers that serve them can only read it.

Each module is compiled once more, in a worker that does nothing else. From then on every new worker loads it
in milliseconds.
"""

import asyncio
import logging

from plugins.runtime.job import Job
from plugins.runtime.process import WorkerOptions, WorkerProcess

logger = logging.getLogger("hostbridge.runtime")


class CacheWarmer:
    """Compiles one module at a time, each once, on the event loop that calls `warm`."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._seen: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def warm(self, job: Job) -> None:
        """Compiles the job's module into the cache soon. Does nothing if it was asked before."""
        if job.module not in self._seen:
            self._seen.add(job.module)
            task = asyncio.create_task(self._compile(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ends the worker that compiles, and drops what waits."""
        for task in [*self._tasks]:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _compile(self, job: Job) -> None:
        async with self._one_at_a_time:
            try:
                worker = await WorkerProcess.start(self._options, cache_writable=True)
                try:
                    await worker.load(job)
                finally:
                    await worker.end()
            except Exception as error:  # whatever it is, the next module must not suffer
                logger.warning("A module is not in the compile cache; each worker compiles it. %r", error)
