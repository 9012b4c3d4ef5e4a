"""config.heap: how many heaps glibc uses for many threads, and what trimming returns."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT, clean_environment

MANY_THREADS = """
import ctypes, threading
barrier = threading.Barrier(9)
def work():
    kept = bytearray(100_000)
    barrier.wait()
    barrier.wait()
for _ in range(8):
    threading.Thread(target=work).start()
barrier.wait()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
barrier.wait()
"""
ENTRY_POINTS = {
    "manage.py": ["manage.py", "shell", "-v", "0", "-c", f"exec({MANY_THREADS!r}, {{}})"],
    "config.asgi": ["-c", f"import config.asgi\n{MANY_THREADS}"],
}


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
@pytest.mark.parametrize(("chosen", "heaps"), [({}, 1), ({"MALLOC_ARENA_MAX": "4"}, 4)])
def test_threads_share_one_heap_unless_the_operator_sets_another_number(
    entry_point: str, chosen: dict[str, str], heaps: int, tmp_path: Path
) -> None:
    environment = clean_environment() | {"DATA_DIR": str(tmp_path)}
    environment.pop("MALLOC_ARENA_MAX", None)
    output = subprocess.run(
        [sys.executable, *ENTRY_POINTS[entry_point]],
        cwd=ROOT, env=environment | chosen, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert output.count("<heap nr=") == heaps


HASH_PASSWORDS = """
import argon2, threading
from pathlib import Path
from config import heap
heap.use_one_heap()
def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
def work():
    for _ in range(3):
        argon2.PasswordHasher(memory_cost=19456, parallelism=1).hash("x")
def in_a_thread():
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
in_a_thread()
before = resident_bytes()
heap.trim_heap()
print(before - resident_bytes())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_trimming_returns_the_memory_of_password_hashes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HASH_PASSWORDS],
        cwd=ROOT, env=clean_environment(), check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert int(done.stdout) > 15 << 20
