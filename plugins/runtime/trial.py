"""Compiles a module and makes an instance of it in disposable workers, before a release of it may be used.

Compiling hostile bytes can crash a process or fill its memory; a disposable worker contains the damage. The
trial also puts the compiled module into the cache, ready for the first call.
"""

from pathlib import Path

from plugins.runtime.compile_cache import write_cache_config
from plugins.runtime.job import Crashed, Job
from plugins.runtime.worker_process import BROKEN, WorkerOptions, WorkerProcess


async def try_out(job: Job, *, guest_memory_bytes: int, cache_dir: Path) -> None:
    """Raises TimedOut, Crashed or InvalidModule, each with its reason. The job's function is not called."""
    options = WorkerOptions(guest_memory_bytes, write_cache_config(cache_dir))
    # Two workers, because the one that may write the cache must not run plugin code.
    compiler = await _start(options, cache_writable=True)
    try:
        await compiler.load(job)
    finally:
        await compiler.end()
    worker = await _start(options, cache_writable=False)
    try:
        await worker.try_out(job)
    finally:
        await worker.end()


async def _start(options: WorkerOptions, *, cache_writable: bool) -> WorkerProcess:
    """Raises Crashed."""
    try:
        return await WorkerProcess.start(options, cache_writable=cache_writable)
    except BROKEN as error:
        raise Crashed(f"the worker did not start ({error!r})") from error
