"""A network without interfaces and a file system without files, in namespaces of the worker's own.

Only root may make them directly; anybody else makes a user namespace along with them, in which they may,
where the system allows that. To be called before any thread is started.
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
    """No network but a loopback that is down; no System V IPC or message queues of others.

    Whether a user namespace had to be made. Raises OSError.
    """
    return _unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)


def leave_files(kept: Path, *, writable: bool) -> bool:
    """Of all files only the directory `kept` is left, at the same path.

    Whether a user namespace had to be made. Raises OSError. The new root is built on top of /proc: it
    exists everywhere, and no directory of ours lies in it.
    """
    new_user = _unshare(CLONE_NEWNS)
    _mount(b"none", b"/", b"", _MS_REC | _MS_PRIVATE)  # nothing of this is seen from outside
    _mount(b"tmpfs", b"/proc", b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, b"mode=0755,size=1m")
    place = Path(f"/proc{kept}")
    os.umask(0o022)  # whoever the worker becomes must be able to walk down to it
    place.mkdir(parents=True, mode=0o755)
    _mount(os.fsencode(kept), os.fsencode(place), b"", _MS_BIND | _MS_REC)
    if not writable:
        _set_read_only(place, recursive=True)
    _set_read_only(Path("/proc"), recursive=False)
    os.chdir("/proc")
    call("pivot_root", b".", b".")  # the old root now lies on top of the new one
    call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    return new_user


def _unshare(flags: int) -> bool:
    try:
        unshare(flags)
    except PermissionError:
        # Root lacks the capability in most containers. In a user namespace it could not change its user.
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
