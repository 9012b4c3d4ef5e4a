"""A filter that leaves a worker only the system calls that CPython and libextism need to compile and run.

The list comes from tracing workers through every bundled plugin and every hostile fixture. Other system calls
fail as on a kernel that does not have them, which the C library can handle. Those that are never made by
mistake end the worker. libseccomp builds the filter and knows the numbers for each architecture.
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from typing import Final, NamedTuple

_ALLOW: Final = 0x7FFF_0000
_KILL: Final = 0x8000_0000
_FAIL: Final = 0x0005_0000  # with an errno in the lower half
_EQUAL, _MASKED_EQUAL = 4, 7
_ATTRIBUTE_BAD_ARCHITECTURE, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE = 2, 8, 2

_ALWAYS = """
    brk mmap munmap mremap mprotect madvise memfd_create
    futex sched_yield sched_getaffinity set_robust_list rseq gettid getpid membarrier
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall exit exit_group
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time getrandom
    read readv write writev pread64 lseek close recvfrom
    fstat stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents64
    poll ppoll epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2
"""

_TO_WRITE_FILES = """
    open openat ftruncate mkdir mkdirat rename renameat renameat2 unlink unlinkat fsync fdatasync
"""

_HOSTILE = """
    execve execveat fork vfork ptrace process_vm_readv process_vm_writev process_madvise kcmp
    pidfd_open pidfd_getfd pidfd_send_signal kill tkill rt_sigqueueinfo rt_tgsigqueueinfo
    socket socketpair connect bind listen accept accept4 sendmsg sendmmsg recvmsg recvmmsg
    unshare setns chroot pivot_root mount umount2 move_mount fsopen fsconfig fsmount open_tree mount_setattr
    name_to_handle_at open_by_handle_at
    setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    add_key request_key keyctl init_module finit_module delete_module kexec_load kexec_file_load reboot
    modify_ldt personality
"""

_CLONE_THREAD = 0x0001_0000
_CLONE_NAMESPACES = 0x7E02_0080
_PR_SET_NAME = 15
_F_DUPFD_CLOEXEC, _F_ADD_SEALS = 1030, 1033


class _Argument(ctypes.Structure):
    """libseccomp's scmp_arg_cmp. For _MASKED_EQUAL, `a` is the mask and `b` the value under it."""

    _fields_ = (
        ("index", ctypes.c_uint),
        ("comparison", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


class Rule(NamedTuple):
    action: int
    syscall: str
    arguments: tuple[_Argument, ...] = ()


def restrict(*, writes_files: bool) -> None:
    """Installs the filter in this thread and those it starts later. Raises OSError."""
    if _library is None:
        raise OSError(errno.ENOENT, "libseccomp.so.2 is not installed")
    library = _library
    context = library.seccomp_init(_FAIL | errno.ENOSYS)
    if context is None:
        raise OSError(errno.ENOMEM, "libseccomp could not create a filter")
    try:
        _check(library.seccomp_attr_set(context, _ATTRIBUTE_BAD_ARCHITECTURE, _KILL))
        # Versions before libseccomp 2.5 have no trees, only slower lists.
        library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE)
        for rule in rules(writes_files=writes_files):
            number = library.seccomp_syscall_resolve_name(rule.syscall.encode())
            if number >= 0:  # a system call unknown to this machine or this libseccomp needs no rule
                arguments = (_Argument * len(rule.arguments))(*rule.arguments)
                _check(
                    library.seccomp_rule_add_array(
                        context, rule.action, number, len(rule.arguments), arguments
                    )
                )
        _check(library.seccomp_load(context))
    finally:
        library.seccomp_release(context)


def rules(*, writes_files: bool) -> Iterator[Rule]:
    for name in _ALWAYS.split():
        yield Rule(_ALLOW, name)
    for name in _HOSTILE.split():
        yield Rule(_KILL, name)
    # Threads may be created, but no processes or namespaces. A filter cannot see the flags of clone3, which
    # are in memory, so clone3 fails as unknown and the C library falls back to clone.
    yield Rule(_ALLOW, "clone", (_masked(0, _CLONE_THREAD | _CLONE_NAMESPACES, _CLONE_THREAD),))
    yield Rule(_KILL, "clone", (_masked(0, _CLONE_THREAD, 0),))
    yield Rule(_ALLOW, "prctl", (_equal(0, _PR_SET_NAME),))
    yield Rule(_ALLOW, "tgkill", (_equal(0, os.getpid()),))  # abort() needs it
    yield Rule(_ALLOW, "sendto", (_equal(4, 0),))  # to the connected peer only, never to an address
    for command in (_F_DUPFD_CLOEXEC, _F_ADD_SEALS):
        yield Rule(_ALLOW, "fcntl", (_equal(1, command),))
    if writes_files:
        for name in _TO_WRITE_FILES.split():
            yield Rule(_ALLOW, name)
    else:
        writing = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
        yield Rule(_ALLOW, "open", (_masked(1, writing, os.O_RDONLY),))
        yield Rule(_ALLOW, "openat", (_masked(2, writing, os.O_RDONLY),))
        # wasmtime creates the cache's directory and gives up on any error but this one.
        for name in ("mkdir", "mkdirat"):
            yield Rule(_FAIL | errno.EEXIST, name)


def _equal(index: int, value: int) -> _Argument:
    return _Argument(index, _EQUAL, value, 0)


def _masked(index: int, mask: int, value: int) -> _Argument:
    return _Argument(index, _MASKED_EQUAL, mask, value)


def _load_library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Argument),
    )
    library.seccomp_load.argtypes = (ctypes.c_void_p,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_release.restype = None
    return library


def _check(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result))


# Loaded on import, because the filter is applied last, when a worker can no longer open files.
_library = _load_library()
