"""Keeps the C library from holding on to memory that is free; it is glibc that does.

glibc gives threads heaps of their own, up to eight for each core, and each keeps tens of megabytes of what
once passed through it: of password hashes, which take 19 MiB each, of uploads, of plugins' output. That
doubled what a server with many threads takes. Sharing one costs little: what is large is not allocated often,
and what is small Python allocates itself. Only of that one can all that is free be given back (`give_back`).
"""

import ctypes
import os

_M_ARENA_MAX = -8  # malloc.h
_HEAPS = 1
_LIBC = ctypes.CDLL(None)


def bound_heaps() -> None:
    """To be called before there are threads. An operator's own MALLOC_ARENA_MAX holds instead."""
    mallopt = getattr(_LIBC, "mallopt", None)
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_M_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Returns to the system what is free on the heaps, which glibc keeps once something large was freed."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
