"""Linux system calls that Python does not offer, through the C library."""

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000

_CAPABILITY_VERSION_3 = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)


def call(function: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    """Calls a function of the C library by name. Raises OSError if it returns a negative number."""
    wide = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    result = int(getattr(_libc, function)(*wide))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def prctl(option: int, value: int) -> None:
    call("prctl", option, value, 0, 0, 0)


def unshare(flags: int) -> None:
    call("unshare", flags)


def drop_capabilities() -> None:
    """Empties the permitted, effective and inheritable sets of this thread."""
    header = _CAPABILITY_VERSION_3.to_bytes(4, "little") + bytes(4)
    call("capset", ctypes.create_string_buffer(header), ctypes.create_string_buffer(24))
