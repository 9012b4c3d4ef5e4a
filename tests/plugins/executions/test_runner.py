"""What a caller gets from a guest, and what the history retains. Hostile guests: test_hostile.py."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from plugins.executions import authorization, runner
from plugins.models import Execution, Plugin
from plugins.runtime.engine import Offload
from plugins.runtime.service import get_engine, get_pool
from tests.backing import wait_for
from tests.conftest import API, assert_problem, history

Install = Callable[..., Plugin]
ECHO = b"\x00\xffany bytes"


@pytest.fixture
def faults(install: Install) -> Plugin:
    return install("faults")


@pytest.fixture
def call(alice: User) -> Callable[..., Any]:
    client = API(alice)

    def call(function: str, data: Any = b"") -> Any:
        return client.post(f"/api/v1/plugins/faults/call/{function}", data)

    return call


def assert_next_call_works(call: Callable[..., Any]) -> None:
    response = call("echo", ECHO)
    assert response.status_code == 200
    assert response.content == ECHO


def test_output_is_returned_byte_for_byte(faults: Plugin, call: Callable[..., Any]) -> None:
    response = call("echo", ECHO)
    assert response.content == ECHO
    assert response["Content-Type"] == "application/octet-stream"


def test_empty_input_gives_empty_output(faults: Plugin, call: Callable[..., Any]) -> None:
    response = call("echo", b"")
    assert response.status_code == 200
    assert response.content == b""


def test_guests_error_text_is_the_detail(faults: Plugin, call: Callable[..., Any]) -> None:
    problem = assert_problem(call("fail_text"), 422, "plugin-error")
    assert problem["detail"] == "the input was not to my liking"


def test_guest_can_return_its_own_problem(faults: Plugin, call: Callable[..., Any]) -> None:
    response = call("fail_problem")
    problem = assert_problem(response, 409, "teapot-busy")
    assert problem["title"] == "The teapot is busy"
    assert problem["errors"] == [{"pointer": "/tea", "detail": "Choose another tea."}]
    assert problem["execution"] == response["Execution-Id"]


def test_guest_cannot_use_a_status_reserved_for_the_host(faults: Plugin, call: Callable[..., Any]) -> None:
    assert_problem(call("fail_forbidden_status"), 422, "plugin-error")


def test_guest_sees_only_its_settings_and_the_hosts_address(faults: Plugin, call: Callable[..., Any]) -> None:
    response = call("config_dump", ["host_url", "SECRET_KEY", "PATH", "DATABASE_URL"])
    assert json.loads(response.content) == {
        "host_url": "http://hostbridge.invalid",
        "SECRET_KEY": None,
        "PATH": None,
        "DATABASE_URL": None,
    }


def test_killed_worker_is_replaced(faults: Plugin, call: Callable[..., Any]) -> None:
    assert_next_call_works(call)
    pool = get_pool()
    before = set(pool.pids())
    for pid in before:
        os.kill(pid, 9)
        wait_for(lambda pid=pid: not Path(f"/proc/{pid}").exists())
    for _ in range(4):
        assert_next_call_works(call)
    assert not set(pool.pids()) & before


def test_trap_names_its_function(faults: Plugin, call: Callable[..., Any]) -> None:
    problem = assert_problem(call("deep_recursion"), 502, "plugin-trapped")
    assert "descend" in problem["detail"]
    assert "wasm backtrace" in problem["backtrace"]


def test_plugins_do_not_run_inside_a_transaction(faults: Plugin) -> None:
    authorized = authorization.authorize(faults, "echo", authorization.Client(User()))
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        runner.run_and_wait(authorized, b"")


@pytest.mark.parametrize(("function", "word"), [("fail_text", "liking"), ("deep_recursion", "descend")])
def test_sensitive_functions_message_reaches_its_caller_and_is_not_retained(
    faults: Plugin, call: Callable[..., Any], function: str, word: str
) -> None:
    """The guest's message could repeat a secret input, so the history must not retain it."""
    release = faults.active
    for declared in release.manifest_data["functions"]:
        declared["sensitive"] = True
    release.save()
    response = call(function)
    assert word in response.content.decode()
    retained = history().get(pk=response["Execution-Id"]).problem
    assert word not in json.dumps(retained)
    assert retained is not None
    assert retained["status"] == response.status_code


def test_abandoned_call_is_cancelled_and_is_not_a_fault(
    faults: Plugin, call: Callable[..., Any], settings: Any
) -> None:
    settings.PLUGIN_FAULT_BUDGET = 1
    authorized = authorization.authorize(faults, "sleep_forever", authorization.Client(User()))

    async def abandon(offload: Offload) -> None:
        admitted = asyncio.Event()
        calling = asyncio.create_task(
            runner.run(authorized, b"", offload, on_admitted=lambda _: admitted.set())
        )
        await admitted.wait()
        await asyncio.sleep(0.1)
        calling.cancel()
        await asyncio.wait([calling])

    get_engine().run(abandon)
    execution = history().get()
    assert execution.state == Execution.State.CANCELLED
    assert execution.problem
    assert execution.problem["type"] == "urn:hostbridge:problem:server-stopping"
    assert_next_call_works(call)


def test_execution_is_recorded_with_its_timing(faults: Plugin, call: Callable[..., Any], alice: User) -> None:
    response = call("echo", b"12345")
    execution = history().get(pk=response["Execution-Id"])
    assert (execution.user, execution.state) == (alice, Execution.State.SUCCEEDED)
    assert (execution.input_bytes, execution.output_bytes) == (5, 5)
    names = [part.split(";")[0] for part in response["Server-Timing"].split(", ")]
    assert names == ["queue", "start", "run", "host"]
    assert execution.problem is None
