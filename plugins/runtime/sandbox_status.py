"""Describes the sandbox layers of workers: which are on, what each keeps out, what a missing one means."""

from typing import Literal, NamedTuple

# What it means that a layer is missing. The keys are the names that workers report, in the order in which
# plugins.runtime.confine applies the layers.
MISSING = {
    "descriptors": "workers may inherit files that the server has open",
    "no_new_privileges": "a set-uid program could restore privileges",
    "network": "only the other layers block network access",
    "files": "only the other layers block file access",
    "user": "workers have the privileges of the server's user",
    "process": "workers may outlive the server, and other processes of their user may inspect them",
    "resources": "memory, open files and file sizes are not limited",
    "processes": "the number of threads is not limited",
    "landlock": "only the other layers block file access",
    "seccomp": "workers can make every system call",
}

KEEPS_OUT = {
    "descriptors": "the files and sockets that the server has open",
    "no_new_privileges": "privileges gained through a set-uid program",
    "network": "every network: the worker's own network namespace is empty",
    "files": "every file: a worker sees only the read-only cache of compiled plugins",
    "user": "the privileges of the server's user, above all those of root",
    "process": "workers that outlive the server, and processes of the same user that inspect a worker",
    "resources": "excessive memory use, too many open files, large files and core dumps",
    "processes": "more threads than compiling needs",
    "landlock": "files, programs, TCP connections, and signals to other processes",
    "seccomp": "all but about 60 system calls; new processes, programs and sockets end the worker",
}


class Layer(NamedTuple):
    """The state of a layer in the newest worker. `detail`: what a partial layer lacks, or why it is off."""

    name: str
    state: Literal["on", "partial", "off"]
    detail: str
    keeps_out: str
    if_missing: str


def describe(layers: dict[str, str]) -> list[Layer]:
    """All layers, in the order in which they are applied. `layers`: the statuses that a worker reported."""
    return [_layer(name, layers.get(name, "off: not reported")) for name in MISSING]


def _layer(name: str, status: str) -> Layer:
    detail = status.removeprefix("on").removeprefix("off").lstrip(",: ")
    state: Literal["on", "partial", "off"] = "off" if not holds(status) else "partial" if detail else "on"
    return Layer(name, state, detail, KEEPS_OUT[name], MISSING[name])


def holds(status: str) -> bool:
    """Whether the layer is in force. Its status is "on", "on, without …" or "off: …"."""
    return status.startswith("on")


def missing(layers: dict[str, str]) -> dict[str, str]:
    """The status and meaning of each layer that is not in force. Layers not reported count as off."""
    return {
        name: f"{layers.get(name, 'off: not reported')}; {meaning}"
        for name, meaning in MISSING.items()
        if not holds(layers.get(name, "off"))
    }
