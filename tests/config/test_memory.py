"""The heaps of a process with many threads, counted by the C library itself, and what they keep."""

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
@pytest.mark.parametrize(("chosen", "heaps"), [({}, 1), ({"MALLOC_ARENA_MAX": "4"}, 4)])
def test_many_threads_share_one_heap_unless_the_operator_says_otherwise(
    way: str, chosen: dict[str, str], heaps: int, tmp_path: Path
) -> None:
    environment = clean_environment() | {"DATA_DIR": str(tmp_path)}
    environment.pop("MALLOC_ARENA_MAX", None)
    output = subprocess.run(
        [sys.executable, *WAYS_TO_SERVE[way]],
        cwd=ROOT, env=environment | chosen, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert output.count("<heap nr=") == heaps


LOG_INS = """
import argon2, threading
from pathlib import Path
from config import memory
memory.bound_heaps()
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
def work():
    for _ in range(3):
        argon2.PasswordHasher(memory_cost=19456, parallelism=1).hash("x")
def in_a_thread():
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
in_a_thread()
before = held()
memory.give_back()
print(before - held())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_what_log_ins_took_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOG_INS],
        cwd=ROOT, env=clean_environment(), check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert int(done.stdout) > 15 << 20
