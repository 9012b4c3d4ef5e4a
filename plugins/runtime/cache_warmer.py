"""Fills the compile cache, in a thread beside the calls: the workers that serve them cannot.

Each module is compiled once more, in a worker that does nothing else. After that, every worker that is
started in place of another has it in milliseconds.
"""

import logging
import queue
import threading
from collections.abc import Callable

from plugins.runtime.job import Job
from plugins.runtime.process import WorkerProcess

logger = logging.getLogger("hostbridge.runtime")


class CacheWarmer:
    """`start` starts a worker that may write the cache. Called in one thread, which lives until `close`."""

    def __init__(self, start: Callable[[], WorkerProcess]) -> None:
        self._start = start
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._seen: set[str] = set()
        self._worker: WorkerProcess | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="cache-filler", daemon=True)
        self._thread.start()

    def fill(self, job: Job) -> None:
        """Sees to it that the job's module is in the cache some time soon. From any thread."""
        if job.sha256 not in self._seen:
            self._seen.add(job.sha256)
            self._jobs.put(job)

    def close(self) -> None:
        """Ends the worker that is compiling; what waits is left out."""
        self._closed = True
        self._jobs.put(None)
        if (worker := self._worker) is not None:
            worker.kill()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed:
            try:
                self._compile(job)
            except Exception as error:  # whatever it is, the next module is not to suffer
                if not self._closed:
                    logger.warning("A module is not in the compile cache; each worker compiles it: %s", error)

    def _compile(self, job: Job) -> None:
        self._worker = self._start()
        try:
            self._worker.load(job)
        finally:
            self._worker.kill()
