"""Attempts that escaped WebAssembly code would make, each under chosen sandbox layers.

test_confine.py runs `python -I confine_attempts.py FOLDER UID`, which reads the attempts and their layers
from standard input, forks a child for each, acts as its server, and prints how each attempt ended.
"""

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from plugins.runtime import confine  # noqa: E402
from plugins.runtime.compile_cache import write_cache_config  # noqa: E402
from plugins.runtime.confine import kernel  # noqa: E402

PTRACE_SEIZE = 0x4206
PR_GET_NO_NEW_PRIVS = 39
MS_REC, MS_PRIVATE = 1 << 14, 1 << 18
MEMORY_BYTES = 256 << 20
REPORT = 99  # the descriptor that a child keeps
REPORT_DONE = f"printf done > /dev/fd/{REPORT}"


@dataclass(frozen=True)
class Host:
    """The parent's files, sockets and descriptors that the child may try to use."""

    folder: Path
    tcp: socket.socket
    udp: socket.socket
    path: socket.socket
    abstract: socket.socket
    inherited: int


def read_a_file(host: Host) -> None:
    (host.folder / "secret").read_text()


def write_a_file(host: Host) -> None:
    (host.folder / "written").write_text("x")


def create_an_empty_file(host: Host) -> None:
    os.close(os.open(host.folder / "created", os.O_RDONLY | os.O_CREAT))


def delete_a_file(host: Host) -> None:
    (host.folder / "old").unlink()


def write_the_compile_cache(host: Host) -> None:
    (host.folder / "cache" / "modules" / "poison").write_text("x")


def read_the_parents_environment(host: Host) -> None:
    assert b"SECRET_KEY" in Path(f"/proc/{os.getppid()}/environ").read_bytes()


def read_the_parents_memory(host: Host) -> None:
    os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY))


def write_its_own_memory(host: Host) -> None:
    os.close(os.open("/proc/self/mem", os.O_RDWR))


def use_an_inherited_descriptor(host: Host) -> None:
    os.pread(host.inherited, 1, 0)


def connect_to_a_port(host: Host) -> None:
    socket.socket().connect(host.tcp.getsockname())


def listen_on_a_port(host: Host) -> None:
    socket.create_server(("127.0.0.1", 0))


def send_a_datagram(host: Host) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", host.udp.getsockname())


def connect_to_a_unix_socket(host: Host) -> None:
    socket.socket(socket.AF_UNIX).connect(host.path.getsockname())


def connect_to_an_abstract_socket(host: Host) -> None:
    socket.socket(socket.AF_UNIX).connect(host.abstract.getsockname())


def fork(host: Host) -> None:
    if os.fork() == 0:
        os._exit(0)


def run_a_program(host: Host) -> None:
    os.execv("/bin/sh", ["sh", "-c", REPORT_DONE])


def run_a_program_from_memory(host: Host) -> None:
    copy = os.memfd_create("program", 0)
    os.write(copy, f"#!/bin/sh\n{REPORT_DONE}\n".encode())
    os.execve(copy, ["program"], {})


def trace_the_parent(host: Host) -> None:
    kernel.call("ptrace", PTRACE_SEIZE, os.getppid(), 0, 0)


def signal_the_parent(host: Host) -> None:
    os.kill(os.getppid(), signal.SIGURG)


def become_root(host: Host) -> None:
    os.setresuid(0, 0, 0)


def mount_something(host: Host) -> None:
    kernel.unshare(kernel.CLONE_NEWNS)  # where this works, the mounts vanish with the child
    kernel.call("mount", b"none", b"/", b"", MS_REC | MS_PRIVATE, b"")
    kernel.call("mount", b"tmpfs", os.fsencode(host.folder / "mount"), b"tmpfs", 0, b"")


def make_a_user_namespace(host: Host) -> None:
    kernel.unshare(kernel.CLONE_NEWUSER)


def gain_privileges_through_a_program(host: Host) -> None:
    assert ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0


def use_too_much_memory(host: Host) -> None:
    bytearray(2 * MEMORY_BYTES)


def open_too_many_files(host: Host) -> None:
    for _ in range(300):
        os.dup(REPORT)


def start_too_many_threads(host: Host) -> None:
    enough = threading.Event()
    threading.stack_size(64 << 10)
    try:
        for _ in range(1000):
            threading.Thread(target=enough.wait, daemon=True).start()
    finally:
        enough.set()


ATTEMPTS: dict[str, Callable[[Host], None]] = {
    function.__name__: function
    for function in (
        read_a_file, write_a_file, create_an_empty_file, delete_a_file, write_the_compile_cache,
        read_the_parents_environment, read_the_parents_memory, write_its_own_memory,
        use_an_inherited_descriptor, connect_to_a_port, listen_on_a_port, send_a_datagram,
        connect_to_a_unix_socket, connect_to_an_abstract_socket, fork, run_a_program,
        run_a_program_from_memory, trace_the_parent, signal_the_parent, become_root, mount_something,
        make_a_user_namespace, gain_privileges_through_a_program, use_too_much_memory, open_too_many_files,
        start_too_many_threads,
    )
}  # fmt: skip


def become(uid: int) -> None:
    """Switches to the user, as if that user had started this process."""
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def make_host(folder: Path) -> Host:
    (folder / "secret").write_text("secret")
    (folder / "mount").mkdir()
    write_cache_config(folder / "cache")
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    path, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    path.bind(str(folder / "socket"))
    (folder / "socket").chmod(0o777)  # under root the child is another user
    abstract.bind(f"\0{folder}")
    for listening in (path, abstract):
        listening.listen(50)
    inherited = os.open(folder / "secret", os.O_RDONLY)
    return Host(folder, socket.create_server(("127.0.0.1", 0), backlog=50), udp, path, abstract, inherited)


def layers_here(host: Host) -> dict[str, str]:
    """The statuses of the layers on this system."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.dup2(writer, REPORT)
        layers = confine.apply(confine.Confinement(REPORT, MEMORY_BYTES, host.folder / "cache"))
        os.write(REPORT, json.dumps(layers).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as report:
        found: dict[str, str] = json.load(report)
    os.wait()
    return found


def outcome(host: Host, attempt: str, layers: list[str] | None) -> str:
    """How the attempt of a child with these layers (None: all) ended: "done", "refused: …", "killed by …"."""
    (host.folder / "old").write_text("")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, REPORT)
        try:
            confine.apply(confine.Confinement(REPORT, MEMORY_BYTES, host.folder / "cache"), layers)
            ATTEMPTS[attempt](host)
            os.write(REPORT, b"done")
        except (OSError, RuntimeError, MemoryError, AssertionError) as error:
            os.write(REPORT, f"refused: {error!r}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as report:
        report_text = report.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return report_text or (f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}")


def main() -> None:
    become(int(sys.argv[2]))
    host = make_host(Path(sys.argv[1]))
    attempts = json.load(sys.stdin)
    ended = [outcome(host, attempt, layers) for attempt, layers in attempts]
    json.dump([layers_here(host), ended], sys.stdout)


if __name__ == "__main__":
    main()
