"""Calls of modules through the runtime alone, without the plugins, users and records around it."""

import uuid
from collections.abc import Callable
from pathlib import Path

from plugins.bundles.wasm import read_module
from plugins.runtime.job import HostHandler, Job, JobResult
from plugins.runtime.pool import Pool
from plugins.runtime.protocol import Asked, HostReply


def make_job(
    name: str,
    wasm: Callable[[], bytes],
    function: str = "run",
    payload: bytes = b"",
    *,
    timeout_ms: int = 5000,
    memory_mb: int = 64,
) -> Job:
    """`name` stands for the module's sha256: the same name is the same module."""
    return Job(
        sha256=name,
        wasm=wasm,
        function=function,
        payload=payload,
        timeout_ms=timeout_ms,
        max_pages=memory_mb * 16,
        max_output_bytes=1 << 20,
        max_host_calls=10_000,
        max_bridge_bytes=64 << 20,
        imports=read_module(wasm()).import_names,
    )


def make_pool(cache_dir: Path, *, size: int = 1, queue: int = 1, queue_timeout_ms: int = 5000) -> Pool:
    return Pool(
        size=size,
        queue=queue,
        queue_timeout_ms=queue_timeout_ms,
        guest_memory_bytes=64 << 20,
        cache_dir=cache_dir,
    )


def refuse(asked: Asked, deadline: float) -> HostReply:
    raise AssertionError(f"nobody asked for {asked}")


def run(pool: Pool, job: Job, handle: HostHandler = refuse, plugin: str = "any") -> tuple[JobResult, float]:
    with pool.place(uuid.uuid4(), plugin) as place:
        return pool.run(place, job, handle)
