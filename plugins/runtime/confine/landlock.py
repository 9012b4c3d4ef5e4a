"""A Landlock ruleset: access to no files except the compile cache, no TCP, no signals to other processes.

https://docs.kernel.org/userspace-api/landlock.html. It binds the calling thread and those it starts later.
"""

import contextlib
import ctypes
import os
import struct
from pathlib import Path

from plugins.runtime.confine.kernel import PR_SET_NO_NEW_PRIVS, call, prctl

# These numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _TRUNCATE = 1 << 5, 1 << 7, 1 << 8, 1 << 14
_READ = _READ_FILE | _READ_DIR
_WRITE = _WRITE_FILE | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE

# The rights that the kernel's interface can restrict, by the first version that supports them.
_ALL_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_SINCE, _TCP = 4, 0b11  # bind and connect
_SCOPE_SINCE, _SCOPE = 6, 0b11  # abstract unix sockets and signals


def restrict(readable: Path, writable: Path | None) -> str:
    """Applies the ruleset to this thread. The returned status names what an older kernel does not support.

    Raises OSError if the kernel has no Landlock.
    """
    version = call("syscall", _CREATE_RULESET, 0, 0, _VERSION_FLAG)
    files = max(rights for since, rights in _ALL_FILE_RIGHTS.items() if since <= version)
    tcp = _TCP if version >= _TCP_SINCE else 0
    scope = _SCOPE if version >= _SCOPE_SINCE else 0
    attributes = ctypes.create_string_buffer(struct.pack("=QQQ", files, tcp, scope), 24)
    ruleset = call("syscall", _CREATE_RULESET, attributes, _size_for(version), 0)
    try:
        with contextlib.suppress(PermissionError):  # a path that this user cannot reach needs no rule
            _allow(ruleset, readable, _READ & files)
            if writable is not None:
                _allow(ruleset, writable, (_READ | _WRITE) & files)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        call("syscall", _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return "on" if scope else f"on, without {'signals' if tcp else 'TCP and signals'} (version {version})"


def _size_for(version: int) -> int:
    """The size of the attributes that this version knows. An older kernel refuses unknown members."""
    return 24 if version >= _SCOPE_SINCE else 16 if version >= _TCP_SINCE else 8


def _allow(ruleset: int, path: Path, rights: int) -> None:
    directory = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, directory), 12)
        call("syscall", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(directory)
