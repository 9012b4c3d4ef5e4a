"""The trial of a module, in a worker of its own."""

import time
from pathlib import Path

import pytest

from plugins.runtime.jobs import Job, TimedOut
from plugins.runtime.process import LOAD_SECONDS
from plugins.runtime.trial import try_out
from tests.plugins.unchecked import FIXTURES


def test_starting_may_take_as_long_as_a_call_not_as_long_as_compiling(tmp_path: Path) -> None:
    job = Job(
        sha256="",
        wasm=(FIXTURES / "init_loop" / "init_loop.wasm").read_bytes,
        function="",
        payload=b"",
        config={},
        timeout_ms=500,
        max_pages=1024,
        max_output_bytes=0,
        max_host_calls=0,
        max_bridge_bytes=0,
    )
    started = time.monotonic()
    with pytest.raises(TimedOut):
        try_out(job, guest_memory_bytes=64 << 20, cache_dir=tmp_path)
    assert time.monotonic() - started < LOAD_SECONDS
