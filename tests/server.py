"""A real server for tests: `manage.py serve` in its own process, on a free port, with its own data."""

import atexit
import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a long walk at dusk"
PATIENCE_SECONDS = 30
# Names an empty folder, where several test processes then share what one of them has prepared.
SHARED_FOLDER = "HOSTBRIDGE_TESTS_FOLDER"


def free_port() -> int:
    """A port below the range for outgoing connections, which could take it before the server binds it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def clean_environment() -> dict[str, str]:
    """The environment without the tests' settings, and with bytecode caching, for a child process."""
    removed = {"DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in removed}


@cache
def prepared_data() -> Path:
    """The data directory that `manage.py serve` makes in an empty folder. Each server starts with a copy."""
    shared = os.environ.get(SHARED_FOLDER)
    if shared is None or "DATABASE_URL" in os.environ:  # with SQLite, the database is in the directory
        folder = Path(tempfile.mkdtemp(prefix="hostbridge-prepared-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    else:
        folder = Path(shared)
    data = folder / "data"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            draft = folder / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            subprocess.run(
                [sys.executable, "manage.py", "serve", "--prepare-only"],
                cwd=ROOT, env=clean_environment() | {"DATA_DIR": str(draft)}, check=True, capture_output=True,
            )  # fmt: skip
            (draft / "secret-key").unlink()  # each server generates its own
            draft.rename(data)
    return data


@dataclass
class Server:
    process: "subprocess.Popen[str]"
    port: int
    data_dir: Path
    log: Path

    @classmethod
    def start(
        cls, data_dir: Path, *, from_nothing: bool = False, python: str = sys.executable, **environment: str
    ) -> "Server":
        """Starts a server and waits until it is ready.

        Without `from_nothing`, a new data directory is the one of a server that was started once before and
        has no users yet. `environment` holds settings; PORT chooses the port.
        """
        if not data_dir.exists() and not from_nothing:
            # shutil would not copy the files' owners.
            subprocess.run(["cp", "-a", prepared_data(), data_dir], check=True)
        port = int(environment.pop("PORT", 0)) or free_port()
        log = data_dir.with_suffix(".log")
        # No limit per address, because all test users come from the same one.
        defaults = {"DATA_DIR": str(data_dir), "PORT": str(port), "AUTH_ATTEMPTS_PER_ADDRESS": "0"}
        environment = clean_environment() | defaults | environment
        with log.open("w") as output:
            process = subprocess.Popen(
                [python, "manage.py", "serve"],
                cwd=ROOT, env=environment, stdout=output, stderr=output, text=True, start_new_session=True,
            )  # fmt: skip
        server = cls(process, port, data_dir, log)
        server.wait_until_ready()
        return server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/v1/events"

    @property
    def setup_code(self) -> str:
        found = re.search(r"One-time code: (\S+)", self.log.read_text())
        assert found, self.log.read_text()
        return found[1]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"The server did not start:\n{self.log.read_text()}")

    def workers(self) -> list[int]:
        """The PIDs of its worker processes."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                    command = (entry / "cmdline").read_bytes()
                except (OSError, IndexError):
                    continue
                if int(parent) == self.process.pid and b"plugins.runtime.worker" in command:
                    found.append(int(entry.name))
        return found

    def stop(self, signal_: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal_)
        self.process.wait(timeout=30)

    def install_fixture(
        self, name: str, *, functions: Mapping[str, dict[str, int]] = MappingProxyType({}), **limits: int
    ) -> None:
        """Installs a plugin from wasm-plugins/fixtures with `manage.py plugin` while the server runs.

        `limits` override those in the manifest; `functions` sets the limits of single functions by name.
        """
        folder = self.data_dir.with_name(f"{self.data_dir.name}-{name}")
        shutil.copytree(ROOT / "wasm-plugins" / "fixtures" / name, folder, dirs_exist_ok=True)
        manifest = json.loads((folder / "plugin.json").read_text())
        manifest["limits"] |= limits
        for function in manifest["functions"]:
            if function["name"] in functions:
                function["limits"] = functions[function["name"]]
        (folder / "plugin.json").write_text(json.dumps(manifest))
        steps = (("install", str(folder)), ("activate", name.replace("_", "-"), "1.0.0"))
        calls = "; ".join(f"call_command('plugin', *{step})" for step in steps)
        # One process for both steps, because starting it takes longest.
        self.manage("shell", "-v", "0", "-c", f"from django.core.management import call_command; {calls}")

    def manage(self, *arguments: str) -> None:
        """Runs manage.py with the server's data while the server runs."""
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=clean_environment() | {"DATA_DIR": str(self.data_dir)},
            check=True, capture_output=True,
        )  # fmt: skip

    # --- users ----------------------------------------------------------------------------------------

    def make_owner(self) -> None:
        body = {"code": self.setup_code, "email": "owner@example.com", "name": "Olga", "password": PASSWORD}
        response = httpx.post(f"{self.url}/api/v1/setup", json=body, timeout=PATIENCE_SECONDS)
        assert response.status_code == 201, response.text

    def sign_up(self, email: str) -> None:
        body = {"email": email, "name": email.partition("@")[0].title(), "password": PASSWORD}
        response = httpx.post(f"{self.url}/api/v1/auth/signup", json=body, timeout=PATIENCE_SECONDS)
        assert response.status_code == 201, response.text

    def log_in(self, email: str) -> httpx.Client:
        """A REST client that is logged in as this user. Use it as a context manager."""
        body = {"email": email, "password": PASSWORD}
        response = httpx.post(f"{self.url}/api/v1/auth/login", json=body, timeout=PATIENCE_SECONDS)
        assert response.status_code == 200, response.text
        token = response.json()["session"]["token"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS)


def processes_gone(pids: list[int], within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def problem_code(response: Any) -> str:
    return str(response.json()["type"]).removeprefix("urn:hostbridge:problem:")
