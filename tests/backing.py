"""A real PostgreSQL server for tests, on a free port. It leaves nothing behind."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server import free_port


@contextmanager
def postgresql() -> Iterator[str]:
    """The DATABASE_URL of a new cluster. Skips the test where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    binaries = found[-1].parent
    if not (binaries / "initdb").exists():
        pytest.skip("PostgreSQL is not installed.")
    # PostgreSQL refuses to run as root.
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    ids = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    folder = Path(tempfile.mkdtemp(prefix="hostbridge-postgresql-"))
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    port = free_port()
    command = [
        binaries / "initdb",
        "-D",
        folder / "data",
        "-U",
        "hostbridge",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, **ids)  # type: ignore[call-overload]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "fsync=off", "-k", str(folder)]
    server = subprocess.Popen(  # type: ignore[call-overload]
        [binaries / "postgres", "-D", folder / "data", *options],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **ids,
    )  # fmt: skip
    try:
        ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        wait_for(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0)
        yield f"postgres://hostbridge@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # SIGTERM would wait for open connections
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing changed within {seconds} s"
        time.sleep(0.1)
