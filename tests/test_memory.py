"""The heaps of a process with many threads, counted by the C library itself."""

import ctypes
import subprocess
import sys

import pytest

from tests.server import ROOT, clean_environment

MANY_THREADS = """
import ctypes, threading
from config.memory import bound_heaps
bound_heaps()
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


def heaps(**environment: str) -> int:
    output = subprocess.run(
        [sys.executable, "-c", MANY_THREADS],
        cwd=ROOT, env=clean_environment() | environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return output.count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
def test_many_threads_share_two_heaps_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert heaps() <= 2
    assert heaps(MALLOC_ARENA_MAX="4") == 4
