"""Keeps glibc from holding on to free memory.

glibc gives threads heaps of their own, up to eight for each core, and each heap retains tens of megabytes
that once passed through it: password hashes (19 MiB each), uploads, plugin output. This doubled the memory of
a server with many threads. Sharing one heap costs little, because large blocks are rarely allocated and
Python allocates small ones itself. Besides, only from that heap can `trim_heap` return all free memory.
"""

import ctypes
import os

_M_ARENA_MAX = -8  # malloc.h
_LIBC = ctypes.CDLL(None)


def use_one_heap() -> None:
    """Call it before starting any thread. Does nothing if the operator has set MALLOC_ARENA_MAX."""
    mallopt = getattr(_LIBC, "mallopt", None)
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_M_ARENA_MAX, 1)


def trim_heap() -> None:
    """Returns free memory to the system. glibc would retain it, even after large blocks are freed."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
