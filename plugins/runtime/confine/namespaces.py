"""Namespaces of the worker's own: a network without interfaces and a file system without files.

Only root may create them directly. Other users create a user namespace along with them, if the system allows
that. Call these functions before starting any thread.
"""

import ctypes
import os
import struct
from pathlib import Path

from plugins.runtime.confine.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    call,
    unshare,
)

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 1 << 12, 1 << 14, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR, _MOUNT_ATTR_RDONLY = 442, 1  # the same number on every architecture


def leave_network() -> bool:
    """Leaves only a loopback interface that is down, and no shared System V IPC or message queues.

    Returns whether that took a user namespace. Raises OSError.
    """
    return _unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)


def leave_files(kept: Path, *, writable: bool) -> bool:
    """Leaves no files except the directory `kept`, at the same path.

    Returns whether that took a user namespace. Raises OSError. The new root is mounted over /proc, which
    exists on every system and contains none of our directories.
    """
    new_user = _unshare(CLONE_NEWNS)
    _mount(b"none", b"/", b"", _MS_REC | _MS_PRIVATE)  # other namespaces see none of these mounts
    _mount(b"tmpfs", b"/proc", b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, b"mode=0755,size=1m")
    directory = Path(f"/proc{kept}")
    os.umask(0o022)  # the user that the worker becomes must be able to reach it
    directory.mkdir(parents=True, mode=0o755)
    _mount(os.fsencode(kept), os.fsencode(directory), b"", _MS_BIND | _MS_REC)
    if not writable:
        _set_read_only(directory, recursive=True)
    _set_read_only(Path("/proc"), recursive=False)
    os.chdir("/proc")
    call("pivot_root", b".", b".")  # the old root is now mounted over the new one
    call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    return new_user


def _unshare(flags: int) -> bool:
    try:
        unshare(flags)
    except PermissionError:
        # In most containers root lacks the capability. In a user namespace it could not change its user.
        if os.geteuid() == 0:
            raise
    else:
        return False
    uid, gid = os.geteuid(), os.getegid()
    unshare(flags | CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


def _mount(source: bytes, target: bytes, kind: bytes, flags: int, options: bytes = b"") -> None:
    call("mount", source, target, kind, flags, options)


def _set_read_only(path: Path, *, recursive: bool) -> None:
    attributes = ctypes.create_string_buffer(struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0), 32)
    flags = _AT_RECURSIVE if recursive else 0
    call("syscall", _MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, attributes, 32)
