"""Samples the server's process from /proc every second."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server import Server

SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """`rss_mb` and `anonymous_mb` are those of the web process alone, in megabytes of a million bytes."""

    at: float
    rss_mb: float
    anonymous_mb: float
    threads: int
    descriptors: Counter[str]
    children: frozenset[int]

    def __str__(self) -> str:
        return (
            f"web process {self.rss_mb:.0f} MB ({self.anonymous_mb:.0f} anonymous), {self.threads} threads, "
            f"{self.descriptors.total()} descriptors, {len(self.children)} workers"
        )


def sample(server: Server) -> Sample:
    process = Path(f"/proc/{server.process.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Sample(
        at=time.monotonic(),
        rss_mb=_kilobytes(status["VmRSS"]),
        anonymous_mb=_kilobytes(status["RssAnon"]),
        threads=int(status["Threads"]),
        descriptors=_descriptors(process),
        children=frozenset(children(server.process.pid)),
    )


def _kilobytes(text: str) -> float:
    return int(text.split(maxsplit=1)[0]) * 1024 / 1e6


def _descriptors(process: Path) -> Counter[str]:
    """The number of descriptors by kind: "database", "socket", or the file's name."""
    found: Counter[str] = Counter()
    for entry in (process / "fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue  # it has been closed
        if ".sqlite3" in target:
            found["database"] += 1
        else:
            found[target.partition(":[")[0]] += 1
    return found


def children(pid: int) -> list[int]:
    """The processes that it started, including dead ones that it has not reaped."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # the process has ended
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


@contextmanager
def watching(server: Server, each: Callable[[Sample], None]) -> Iterator[list[Sample]]:
    """Takes a sample every second until the end of the block, and passes each one to `each`."""
    samples: list[Sample] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS) and server.process.poll() is None:
            samples.append(sample(server))
            each(samples[-1])

    watcher = threading.Thread(target=watch, name="watcher")
    watcher.start()
    try:
        yield samples
    finally:
        done.set()
        watcher.join()
