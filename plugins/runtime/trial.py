"""Compiles a module and makes an instance of it in a worker of its own, before any release of it may serve.

Compiling hostile bytes can take a process down or fill its memory; what happens here happens to nobody else.
What was compiled is in the cache when the first call asks for it.
"""

from pathlib import Path

from plugins.runtime.pool import WORKER_BASE_BYTES, write_cache_config
from plugins.runtime.process import Job, WorkerProcess


def try_out(job: Job, *, guest_memory_bytes: int, cache_dir: Path) -> None:
    """Raises TimedOut, Crashed or InvalidModule, each with its reason. The job's function is not called."""
    worker = WorkerProcess.start(
        memory_bytes=WORKER_BASE_BYTES + guest_memory_bytes, cache_config=write_cache_config(cache_dir)
    )
    try:
        worker.try_out(job)
    finally:
        worker.kill()
