"""The layers of a worker's confinement, as the server tells of them: which hold, what a missing one means."""

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
