"""The layers of a worker's confinement, as the server tells of them: which hold, what a missing one means."""

from typing import Literal, NamedTuple

# By the names that workers report; plugins.runtime.confine applies them in this order.
MISSING = {
    "descriptors": "files that the server has open may be inherited",
    "no_new_privileges": "a set-uid program could give rights back",
    "network": "only the other layers keep the network out",
    "files": "only the other layers keep files out",
    "user": "workers have the rights of the server's user",
    "process": "workers may outlive the server, and others of their user may look into them",
    "resources": "memory, descriptors and the size of files are not bounded",
    "processes": "the number of threads is not bounded",
    "landlock": "only the other layers keep files out",
    "seccomp": "every system call of the kernel is within reach",
}

KEEPS_OUT = {
    "descriptors": "the files and sockets that the server has open",
    "no_new_privileges": "rights gained through a set-uid program",
    "network": "every network: a worker has one of its own, with nothing in it",
    "files": "every file: a worker sees an empty folder with compiled plugins in it, read-only",
    "user": "the rights of the server's user, above all those of root",
    "process": "workers that outlive the server, and looks into a worker by others of its user",
    "resources": "too much memory, too many open files, large files, core dumps",
    "processes": "more threads than compiling takes",
    "landlock": "files, programs, TCP connections, and signals to other processes",
    "seccomp": "all system calls but some 60: new processes, programs and sockets end the worker",
}


class Layer(NamedTuple):
    """One layer as the newest worker found it. `detail`: what a partial one lacks, why one is off."""

    name: str
    state: Literal["on", "partial", "off"]
    detail: str
    keeps_out: str
    if_missing: str


def describe(layers: dict[str, str]) -> list[Layer]:
    """All layers in the order in which they are applied, from the statuses that a worker reports."""
    return [_layer(name, layers.get(name, "off: not reported")) for name in MISSING]


def _layer(name: str, status: str) -> Layer:
    detail = status.removeprefix("on").removeprefix("off").lstrip(",: ")
    state: Literal["on", "partial", "off"] = "off" if not holds(status) else "partial" if detail else "on"
    return Layer(name, state, detail, KEEPS_OUT[name], MISSING[name])


def holds(status: str) -> bool:
    """Whether a layer's status, "on", "on, without …" or "off: …", says that it is in force."""
    return status.startswith("on")


def missing(layers: dict[str, str]) -> dict[str, str]:
    """Those that do not hold, and what to know of each. What a worker does not report does not hold."""
    return {
        name: f"{layers.get(name, 'off: not reported')}; {meaning}"
        for name, meaning in MISSING.items()
        if not holds(layers.get(name, "off"))
    }
