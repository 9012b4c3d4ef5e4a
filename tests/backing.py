"""Real PostgreSQL and Redis servers for tests: started on free ports, stopped by pid, nothing left behind."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.server import free_port


@contextmanager
def postgresql() -> Iterator[str]:
    """A fresh cluster's DATABASE_URL. Skips the test where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    binaries = found[-1].parent
    if not (binaries / "initdb").exists():
        pytest.skip("PostgreSQL is not installed.")
    # It refuses to run as root.
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
        server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    """An empty server's REDIS_URL. Skips the test where Redis is not installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("Redis is not installed.")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hostbridge-redis-") as folder:
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            ready = [shutil.which("redis-cli") or "redis-cli", "-p", str(port), "ping"]
            wait_for(lambda: subprocess.run(ready, capture_output=True, check=False).stdout == b"PONG\n")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=30)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become ready"
        time.sleep(0.1)
