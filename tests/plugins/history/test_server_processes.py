"""A killed server process leaves no execution in the state `running`."""

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugins.history import server_processes
from plugins.models import Execution, Plugin
from tests.server import Server


def execution(plugin: Plugin, server: str) -> Execution:
    return Execution.objects.create(
        plugin=plugin, release=plugin.active, function="greet", server=server, state=Execution.State.RUNNING
    )


def test_only_executions_of_dead_processes_are_marked_crashed(bundled: dict[str, Plugin]) -> None:
    mine = execution(bundled["template"], server_processes.own_id())
    orphan = execution(bundled["template"], "0" * 32)
    assert server_processes.mark_orphans() == 1
    mine.refresh_from_db()
    orphan.refresh_from_db()
    assert mine.state == "running"
    assert (orphan.state, orphan.problem["type"]) == ("crashed", "urn:hostbridge:problem:plugin-crashed")
    assert orphan.finished_at is not None
    assert server_processes.mark_orphans() == 0


def test_without_file_descriptors_no_process_is_taken_for_dead(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = execution(bundled["template"], "0" * 32)

    def none_left(*_: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", none_left)
    with pytest.raises(OSError, match="Too many"):
        server_processes.mark_orphans()
    run.refresh_from_db()
    assert run.state == "running"


def test_browser_runs_are_left_alone(bundled: dict[str, Plugin]) -> None:
    run = execution(bundled["template"], "")
    Execution.objects.update(target="browser")
    assert server_processes.mark_orphans() == 0
    run.refresh_from_db()
    assert run.state == "running"


def left_running(server: Server) -> str:
    """Starts an endless call and waits until it runs; returns the id of its execution."""
    server.install_fixture("faults", timeout_ms=60_000)
    with server.log_in("owner@example.com") as owner:
        asked = owner.post("/api/v1/plugins/faults/call/sleep_forever", headers={"Prefer": "respond-async"})
        execution = str(asked.headers["Execution-Id"])
        deadline = time.monotonic() + 10
        while state_of(owner, execution) != "running":
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return execution


def state_of(owner: httpx.Client, execution: str) -> str:
    return str(owner.get(f"/api/v1/executions/{execution}").json()["state"])


@pytest.mark.parametrize(
    ("how", "state"),
    [(signal.SIGKILL, "crashed"), (signal.SIGTERM, "cancelled")],
    ids=["killed", "stopped"],
)
def test_no_execution_is_running_after_a_restart(tmp_path: Path, how: Any, state: str) -> None:
    server = Server.start(tmp_path / "data", PLUGIN_MAX_TIMEOUT_MS="60000")
    server.make_owner()
    execution = left_running(server)
    workers = server.workers()
    server.stop(how)
    assert workers
    again = Server.start(tmp_path / "data")
    try:
        with again.log_in("owner@example.com") as owner:
            assert state_of(owner, execution) == state
    finally:
        again.stop()


def test_another_process_marks_the_executions_of_a_killed_one(tmp_path: Path) -> None:
    """Two server processes over the same data: the second is started while the first one runs something."""
    first = Server.start(tmp_path / "data", PLUGIN_MAX_TIMEOUT_MS="60000")
    first.make_owner()
    execution = left_running(first)
    second = Server.start(tmp_path / "data")
    try:
        with second.log_in("owner@example.com") as owner:
            assert state_of(owner, execution) == "running", "an execution of a live process was ended"
    finally:
        first.stop(signal.SIGKILL)
        second.stop()
