"""`make run` and `manage.py serve`: the first and later starts, and errors that explain themselves."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.server import PASSWORD, ROOT, Server, clean_environment, processes_gone


def test_the_second_start_keeps_the_data_and_prints_no_code(tmp_path: Path) -> None:
    first = Server.start(tmp_path / "data", from_nothing=True)
    first.make_owner()
    first.sign_up("alice@example.com")
    first.stop()
    started = time.monotonic()
    second = Server.start(tmp_path / "data")
    took = time.monotonic() - started
    try:
        assert "One-time code" not in second.log.read_text()
        assert f"open http://127.0.0.1:{second.port}" in second.log.read_text()
        with second.log_in("alice@example.com") as alice:
            assert alice.post("/api/v1/plugins/template/call/greet", json={"name": "x"}).status_code == 200
        assert took < 30
    finally:
        second.stop()


def test_each_start_without_an_owner_replaces_the_code(tmp_path: Path) -> None:
    first = Server.start(tmp_path / "data")
    old = first.setup_code
    first.stop()
    second = Server.start(tmp_path / "data")
    try:
        body = {"code": old, "email": "eve@example.com", "name": "Eve", "password": PASSWORD}
        assert httpx.post(f"{second.url}/api/v1/setup", json=body, timeout=30).status_code == 403
        second.make_owner()
    finally:
        second.stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_server(tmp_path: Path, how: signal.Signals) -> None:
    server = Server.start(tmp_path / "data")
    server.make_owner()
    workers = server.workers()
    server.log_in("owner@example.com").close()
    workers = server.workers()
    assert workers
    server.stop(how)
    assert processes_gone(workers, 5)


def serve(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT, env=clean_environment() | environment,
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip


def test_a_busy_port_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = serve(DATA_DIR=str(tmp_path / "data"), PORT=str(port))
    assert done.returncode != 0
    assert f"Cannot listen on 127.0.0.1, port {port}: Address already in use." in done.stderr
    assert "make run" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "http", "PORT must be a whole number from 1 to 65535"),
        ("PORT", "0", "PORT must be a whole number"),
        ("PUBLIC_URL", "example.com", "PUBLIC_URL must be an http:// or https:// URL"),
        ("DEBUG", "perhaps", "DEBUG must be true or false"),
        ("SECRET_KEY_FILE", "/no/such/file", "SECRET_KEY_FILE '/no/such/file' cannot be read"),
        ("SECRET_KEY_FILE", "/dev/null", "SECRET_KEY_FILE '/dev/null' is empty"),
        ("METRICS_TOKEN", "short", "METRICS_TOKEN must have at least 16 characters"),
        ("METRICS_TOKEN_FILE", "/no/such/file", "METRICS_TOKEN_FILE '/no/such/file' cannot be read"),
        ("PLUGIN_WORKERS", "0", "PLUGIN_WORKERS must be a whole number from 1 to 64"),
    ],
)
def test_an_invalid_setting_is_named(tmp_path: Path, name: str, value: str, message: str) -> None:
    done = serve(**{"DATA_DIR": str(tmp_path / "data"), "SECRET_KEY": "", name: value})
    assert done.returncode != 0
    assert message in done.stderr.strip().splitlines()[-1]


def test_only_the_servers_user_can_read_the_database(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "data", from_nothing=True)
    try:
        server.make_owner()
        files = list(server.data_dir.glob("hostbridge.sqlite3*"))
        assert len(files) == 3
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    finally:
        server.stop()


def test_the_secret_key_is_generated_once_and_private(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "manage.py",
        "shell",
        "-v",
        "0",
        "-c",
        "from django.conf import settings; print(settings.SECRET_KEY)",
    ]
    environment = clean_environment() | {"DATA_DIR": str(tmp_path / "data"), "SECRET_KEY": ""}
    keys = {
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(keys) == 1
    assert len(keys.pop().strip()) >= 50
    assert (tmp_path / "data" / "secret-key").stat().st_mode & 0o777 == 0o600


# --- scripts/check-tools.sh ---------------------------------------------------------------------------


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with only a shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "env"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return folder


def fake_command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def check_tools(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", "scripts/check-tools.sh"],
        cwd=ROOT, env={"PATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def assert_one_line(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    for word in words:
        assert word in line


def test_missing_python_is_reported(tools: Path) -> None:
    assert_one_line(check_tools(tools), "Python is missing", "3.11")


def test_an_old_python_is_reported(tools: Path) -> None:
    fake_command(tools, "python3", '[ "$1" = --version ] && echo Python 3.9.2 && exit 0; exit 1')
    assert_one_line(check_tools(tools), "Python 3.9.2 is too old", "3.11")


def test_missing_node_is_reported(tools: Path) -> None:
    fake_command(tools, "python3", "exit 0")
    assert_one_line(check_tools(tools), "Node.js is missing", "Node 20")


def test_an_old_node_is_reported(tools: Path) -> None:
    fake_command(tools, "python3", "exit 0")
    fake_command(tools, "npm", "exit 0")
    fake_command(tools, "node", '[ "$1" = --version ] && echo v18.1.0 && exit 0; exit 1')
    assert_one_line(check_tools(tools), "Node v18.1.0 is too old", "Node 20")


def test_complete_tools_print_nothing(tools: Path) -> None:
    for name in ("python3", "npm", "node"):
        fake_command(tools, name, "exit 0")
    done = check_tools(tools)
    assert (done.returncode, done.stderr) == (0, "")
