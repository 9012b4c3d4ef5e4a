"""Takes from a worker, before its first frame, all that plugin code has no use for.

Each layer holds by itself, so that an escape from the WebAssembly sandbox has to break all of them. Where
the system lacks one, the worker goes on with the rest and says so. Runs in the worker, without threads: some
layers bind only the thread that asks and those that it starts.
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
# Threads count as processes. A worker has two or three, and one or two more for each module and each core.
_MAX_THREADS = 256


@dataclass
class Confinement:
    """What one worker keeps: one descriptor, so much memory, the compile cache to read and perhaps to fill.

    `counted_alone`: the kernel counts this worker's threads apart from those of all other processes.
    """

    keep_fd: int
    memory_bytes: int
    cache_dir: Path
    cache_writable: bool = False
    counted_alone: bool = False


# Returns "on", "on, without …" or "off: …", or raises OSError.
Layer = Callable[[Confinement], str]


def apply(worker: Confinement, only: Collection[str] | None = None) -> dict[str, str]:
    """Applies every layer, or `only` those named; how each turned out: "on", or "off: " and why.

    To be called once, before any other thread is started: most layers would not bind it. Raises RuntimeError.
    """
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a process that has threads already cannot be confined")
    wanted = LAYERS if only is None else only
    return {name: _status(layer, worker) for name, layer in LAYERS.items() if name in wanted}


def _status(layer: Layer, worker: Confinement) -> str:
    try:
        return layer(worker)
    except OSError as error:
        return f"off: {error.strerror}"


def _descriptors(worker: Confinement) -> str:
    """Standard input and output lead nowhere; of what else was inherited only `keep_fd` is left."""
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
    """Neither root nor capabilities. Who starts as anybody else keeps that user."""
    try:
        if os.geteuid() == 0:
            uid = uid_for(writer=worker.cache_writable)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            worker.counted_alone = True
    finally:  # a container may not have these users
        kernel.drop_capabilities()
    return "on"


def _process(worker: Confinement) -> str:
    """Dies with its parent, and cannot be looked into by others of its user.

    After the change of user, which takes both back.
    """
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    # What the cache's writer makes, workers of other users read; its directory is closed to all others.
    os.umask(0o022 if worker.cache_writable else 0o077)
    return "on"


def _resources(worker: Confinement) -> str:
    """RLIMIT_DATA and not RLIMIT_AS: each instance reserves 16 GiB of address space that it never touches.

    Files as large as memory, because wasmtime keeps a module's initial memory in a memfd.
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
    """The kernel counts by user and user namespace; if others are counted along, no number is right."""
    if not worker.counted_alone:
        return "off: the worker has no user of its own, so others' processes would count"
    _lower(resource.RLIMIT_NPROC, _MAX_THREADS + 4 * (os.cpu_count() or 1))
    return "on"


def _lower(kind: int, bound: int) -> None:
    """The limit, or the one that is in force already if that is lower: nobody but root may raise it."""
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


# In the order of applying: each may take away what a later one no longer needs.
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
