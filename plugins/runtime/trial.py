"""Compiles a module and makes an instance of it in workers of its own, before any release of it may serve.

Compiling hostile bytes can take a process down or fill its memory; what happens here happens to nobody else.
What was compiled is in the cache when the first call asks for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plugins.runtime.compile_cache import write_cache_config
from plugins.runtime.job import Job
from plugins.runtime.pool import WORKER_BASE_BYTES
from plugins.runtime.process import WorkerProcess


def try_out(job: Job, *, guest_memory_bytes: int, cache_dir: Path) -> None:
    """Raises TimedOut, Crashed or InvalidModule, each with its reason. The job's function is not called."""
    memory_bytes = WORKER_BASE_BYTES + guest_memory_bytes
    # Two: the one that may write the cache must not run what others will load from there.
    with _worker(memory_bytes, cache_dir, cache_writable=True) as compiler:
        compiler.load(job)
    with _worker(memory_bytes, cache_dir, cache_writable=False) as worker:
        worker.try_out(job)


@contextmanager
def _worker(memory_bytes: int, cache_dir: Path, *, cache_writable: bool) -> Iterator[WorkerProcess]:
    config = write_cache_config(cache_dir)
    worker = WorkerProcess.start(
        memory_bytes=memory_bytes, cache_config=config, cache_writable=cache_writable
    )
    try:
        yield worker
    finally:
        worker.kill()
