"""The heaps of a process with many threads, counted by the C library itself."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT, clean_environment

MANY_THREADS = """
import ctypes, threading
all_there = threading.Barrier(9)
def work():
    kept = bytearray(100_000)
    all_there.wait()
    all_there.wait()
for _ in range(8):
    threading.Thread(target=work).start()
all_there.wait()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
all_there.wait()
"""
WAYS_TO_SERVE = {
    "manage.py": ["manage.py", "shell", "-v", "0", "-c", f"exec({MANY_THREADS!r}, {{}})"],
    "config.asgi": ["-c", f"import config.asgi\n{MANY_THREADS}"],
}


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
@pytest.mark.parametrize("way", WAYS_TO_SERVE)
@pytest.mark.parametrize(("chosen", "heaps"), [({}, 2), ({"MALLOC_ARENA_MAX": "4"}, 4)])
def test_many_threads_share_two_heaps_unless_the_operator_says_otherwise(
    way: str, chosen: dict[str, str], heaps: int, tmp_path: Path
) -> None:
    environment = clean_environment() | {"DATA_DIR": str(tmp_path)}
    environment.pop("MALLOC_ARENA_MAX", None)
    output = subprocess.run(
        [sys.executable, *WAYS_TO_SERVE[way]],
        cwd=ROOT, env=environment | chosen, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert output.count("<heap nr=") == heaps
