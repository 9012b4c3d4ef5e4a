"""Fills the compile cache in the background, because the workers that serve calls can only read it.

Each module is compiled once more in a worker that does nothing else. After that, every new worker loads it in
milliseconds.
"""

import asyncio
import logging

from plugins.runtime.job import Job
from plugins.runtime.worker_process import WorkerOptions, WorkerProcess

logger = logging.getLogger("hostbridge.runtime")


class CacheWarmer:
    """Compiles modules one at a time, each of them once. For use on one event loop."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._seen: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def warm(self, job: Job) -> None:
        """Schedules the job's module for compilation into the cache, unless that was done before."""
        if job.module not in self._seen:
            self._seen.add(job.module)
            task = asyncio.create_task(self._compile(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ends the current compilation and drops those that wait."""
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
            except Exception as error:  # the next module must still be compiled
                # Quoted, because the message can contain the module's own text.
                message = "A module is not in the compile cache; each worker compiles it. %s: %r"
                logger.warning(message, type(error).__name__, str(error))
