"""Before its first frame, each worker drops every privilege that plugin code does not need.

Each layer works independently, so code that escapes the WebAssembly sandbox has to break all of them. If the
system lacks a layer, the worker runs with the others and reports which is missing. This runs in the worker
while it has a single thread: some layers bind only the calling thread and the threads it starts later.
"""

import os
import resource
import signal
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from plugins.runtime.compile_cache import uid_for
from plugins.runtime.confine import kernel, landlock, namespaces, seccomp

_MAX_DESCRIPTORS = 128
# Threads count as processes. A worker has two or three, plus one or two per module and per core.
_MAX_THREADS = 256


@dataclass
class Confinement:
    """What the worker keeps: one descriptor, some memory, and the compile cache to read and perhaps to write.

    `counted_alone`: the kernel counts this worker's threads separately from those of all other processes.
    """

    keep_fd: int
    memory_bytes: int
    cache_dir: Path
    cache_writable: bool = False
    counted_alone: bool = False


# Returns "on", "on, without …" or "off: …", or raises OSError.
Layer = Callable[[Confinement], str]


def apply(worker: Confinement, only: Collection[str] | None = None) -> dict[str, str]:
    """Applies every layer, or `only` those named, and returns the status of each.

    Call it once, before starting any other thread, which most layers would not bind. Raises RuntimeError if
    there is another thread.
    """
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a process with more than one thread cannot be confined")
    selected = LAYERS if only is None else only
    return {name: _status(layer, worker) for name, layer in LAYERS.items() if name in selected}


def _status(layer: Layer, worker: Confinement) -> str:
    try:
        return layer(worker)
    except OSError as error:
        return f"off: {error.strerror}"


def _descriptors(worker: Confinement) -> str:
    """Redirects standard input, output and error to /dev/null and closes everything else except `keep_fd`."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, worker.keep_fd)
    os.closerange(worker.keep_fd + 1, os.sysconf("SC_OPEN_MAX"))
    return "on"


def _no_new_privileges(worker: Confinement) -> str:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    return "on"


def _network(worker: Confinement) -> str:
    worker.counted_alone |= namespaces.leave_network()
    return "on"


def _files(worker: Confinement) -> str:
    worker.counted_alone |= namespaces.leave_files(worker.cache_dir, writable=worker.cache_writable)
    return "on"


def _user(worker: Confinement) -> str:
    """Drops root and all capabilities. A worker that does not start as root keeps its user."""
    try:
        if os.geteuid() == 0:
            uid = uid_for(writer=worker.cache_writable)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            worker.counted_alone = True
    finally:  # switching fails in a container without these users
        kernel.drop_capabilities()
    return "on"


def _process(worker: Confinement) -> str:
    """Makes the worker die with its parent, and protects it from inspection by processes of the same user.

    Runs after the change of user, which would undo both.
    """
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    # Workers of other users read what the cache's writer creates; the directory keeps everyone else out.
    os.umask(0o022 if worker.cache_writable else 0o077)
    return "on"


def _resources(worker: Confinement) -> str:
    """Limits memory, file sizes, descriptors and core dumps.

    Memory by RLIMIT_DATA and not RLIMIT_AS, because each instance reserves 16 GiB of address space that it
    never touches. Files may be as large as memory, because wasmtime keeps a module's initial memory in a
    memfd.
    """
    for kind, bound in (
        (resource.RLIMIT_DATA, worker.memory_bytes),
        (resource.RLIMIT_FSIZE, worker.memory_bytes),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, bound)
    return "on"


def _processes(worker: Confinement) -> str:
    """Limits threads. The kernel counts them per user and user namespace: the worker needs one of its own."""
    if not worker.counted_alone:
        return "off: the worker has no user of its own, so other processes would count"
    _lower(resource.RLIMIT_NPROC, _MAX_THREADS + 4 * (os.cpu_count() or 1))
    return "on"


def _lower(kind: int, bound: int) -> None:
    """Sets the limit, unless a lower one is in force already, which only root may raise."""
    _soft, hard = resource.getrlimit(kind)
    bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
    resource.setrlimit(kind, (bound, bound))


def _landlock(worker: Confinement) -> str:
    return landlock.restrict(
        worker.cache_dir, worker.cache_dir / "modules" if worker.cache_writable else None
    )


def _seccomp(worker: Confinement) -> str:
    seccomp.restrict(writes_files=worker.cache_writable)
    return "on"


# In the order in which they are applied: no layer removes what a later one needs.
LAYERS: dict[str, Layer] = {
    "descriptors": _descriptors,
    "no_new_privileges": _no_new_privileges,
    "network": _network,
    "files": _files,
    "user": _user,
    "process": _process,
    "resources": _resources,
    "processes": _processes,
    "landlock": _landlock,
    "seccomp": _seccomp,
}
