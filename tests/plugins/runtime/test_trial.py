"""The trial of a module, in workers of its own."""

import asyncio
import time
from pathlib import Path

import pytest

from plugins.runtime.compile_cache import write_cache_config
from plugins.runtime.job import Job, TimedOut
from plugins.runtime.trial import try_out
from plugins.runtime.worker_process import LOAD_SECONDS
from tests.plugins.unchecked import FIXTURES


def test_instantiation_has_the_time_limit_of_a_call(tmp_path: Path) -> None:
    job = Job(
        sha256="",
        wasm=(FIXTURES / "init_loop" / "init_loop.wasm").read_bytes,
        function="",
        timeout_ms=500,
        max_pages=1024,
        max_output_bytes=0,
        max_host_calls=0,
        max_bridge_bytes=0,
    )
    started = time.monotonic()
    with pytest.raises(TimedOut):
        asyncio.run(try_out(job, guest_memory_bytes=64 << 20, cache_dir=tmp_path))
    assert time.monotonic() - started < LOAD_SECONDS


def test_cache_configuration_is_replaced_atomically_and_only_if_it_differs(tmp_path: Path) -> None:
    """Each trial writes it, while workers that are starting may read it."""
    path = write_cache_config(tmp_path)
    written = path.stat()
    assert write_cache_config(tmp_path).stat().st_mtime_ns == written.st_mtime_ns
    path.write_text("[cache]\n")
    with path.open() as file:
        write_cache_config(tmp_path)
        assert file.read() == "[cache]\n"
    assert str(tmp_path) in path.read_text()
    assert list(tmp_path.glob("tmp*")) == []
