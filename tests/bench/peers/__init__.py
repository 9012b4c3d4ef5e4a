"""The servers that `make bench` compares Hostbridge with. They run the same guests.

Each runs as its users would run it: FastAPI in one uvicorn process with uvloop and httptools, fastify in one
Node process. All are installed in .make/peers, in exact versions.
"""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.server import ROOT, clean_environment, free_port

SOURCES = Path(__file__).resolve().parent
MADE = ROOT / ".make" / "peers"
_START_SECONDS = 30


@dataclass(frozen=True)
class Peer:
    """A server to compare with. `command` gives its command line for a port and guests by name."""

    name: str
    command: Callable[[int, Mapping[str, Path]], list[str]]

    @contextlib.contextmanager
    def serving(self, guests: Mapping[str, Path]) -> Iterator[int]:
        """Serves and yields the port. Needs set_up(). Raises RuntimeError, with its output, if it fails."""
        port = free_port()
        environment = clean_environment() | {
            "NODE_ENV": "production",
            "EXTISM_CACHE_CONFIG": str(_compile_cache()),
            "PEER_GUESTS": os.pathsep.join(_pairs(guests)),
        }
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                self.command(port, guests), cwd=SOURCES, env=environment, stdout=log, stderr=log
            )
            try:
                _wait_for(port, process, log)
                yield port
            finally:
                process.kill()
                process.wait()


def _uvicorn(factory: str) -> Callable[[int, Mapping[str, Path]], list[str]]:
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = [str(MADE / "python" / "bin" / "uvicorn"), *options, "--factory", f"fastapi_app:{factory}"]
    return lambda port, guests: [*command, "--port", str(port)]


def _pairs(guests: Mapping[str, Path]) -> list[str]:
    return [f"{name}={path}" for name, path in guests.items()]


PLUGIN_PER_REQUEST = Peer("FastAPI, a Plugin for each request", _uvicorn("plugin_per_request"))
SHARED_COMPILED = Peer("FastAPI, one CompiledPlugin", _uvicorn("shared_compiled_plugin"))
NODE = Peer(
    "Node, fastify",
    lambda port, guests: ["node", str(MADE / "node" / "app.mjs"), str(port), *_pairs(guests)],
)
RESPONDER = Peer(
    "a server that only answers",
    lambda port, guests: [sys.executable, str(SOURCES / "responder.py"), str(port)],
)


def set_up() -> None:
    """Installs the peers from the package registries if their versions have changed."""
    fill(MADE / "python", SOURCES / "requirements.txt", _install_python_packages)
    fill(MADE / "node", SOURCES / "node" / "package-lock.json", _install_node_packages)
    shutil.copy(
        SOURCES / "node" / "app.mjs", MADE / "node"
    )  # Node looks for packages next to the importing file


def fill(folder: Path, versions: Path, install: Callable[[Path, Path], None]) -> None:
    """Installs what `versions` names in the folder, unless that has been done before."""
    stamp = folder.with_suffix(".sha256")
    digest = hashlib.sha256(versions.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Packages for the bench: {folder.name}", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    install(folder, versions)
    stamp.write_text(digest)


def _install_python_packages(folder: Path, requirements: Path) -> None:
    uv = [str(Path(sys.executable).with_name("uv")), "--system-certs"]
    install = ["pip", "install", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python")]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run([*uv, *install, "-r", str(requirements)], check=True)


def _install_node_packages(folder: Path, lock: Path) -> None:
    folder.mkdir()
    shutil.copy(lock, folder)
    shutil.copy(lock.with_name("package.json"), folder)
    subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=folder, check=True)


def _compile_cache() -> Path:
    """libextism's cache is on by default, in the user's home. Here it is next to the peers instead."""
    config = MADE / "cache.toml"
    config.write_text(f'[cache]\ndirectory = "{MADE / "compile-cache"}"\n')
    return config


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: IO[str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"{process.args!r} does not serve:\n{log.read()}")
