"""What a caller gets from a guest, and what is kept of it. What a hostile one costs: test_hostile.py."""

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


def test_output_comes_back_byte_for_byte(faults: Plugin, call: Callable[..., Any]) -> None:
    response = call("echo", ECHO)
    assert response.content == ECHO
    assert response["Content-Type"] == "application/octet-stream"


def test_an_empty_input_gives_an_empty_output(faults: Plugin, call: Callable[..., Any]) -> None:
    response = call("echo", b"")
    assert response.status_code == 200
    assert response.content == b""


def test_a_guests_error_text_is_told(faults: Plugin, call: Callable[..., Any]) -> None:
    problem = assert_problem(call("fail_text"), 422, "plugin-error")
    assert problem["detail"] == "the input was not to my liking"


def test_a_guest_speaks_in_problems_of_its_own(faults: Plugin, call: Callable[..., Any]) -> None:
    response = call("fail_problem")
    problem = assert_problem(response, 409, "teapot-busy")
    assert problem["title"] == "The teapot is busy"
    assert problem["errors"] == [{"pointer": "/tea", "detail": "Choose another tea."}]
    assert problem["execution"] == response["Execution-Id"]


def test_a_guest_cannot_speak_with_a_status_that_is_the_hosts(
    faults: Plugin, call: Callable[..., Any]
) -> None:
    assert_problem(call("fail_forbidden_status"), 422, "plugin-error")


def test_a_guest_sees_its_own_settings_and_the_hosts_address_only(
    faults: Plugin, call: Callable[..., Any]
) -> None:
    response = call("config_dump", ["host_url", "SECRET_KEY", "PATH", "DATABASE_URL"])
    assert json.loads(response.content) == {
        "host_url": "http://hostbridge.invalid",
        "SECRET_KEY": None,
        "PATH": None,
        "DATABASE_URL": None,
    }


def test_a_killed_workers_place_is_taken_by_a_new_one(faults: Plugin, call: Callable[..., Any]) -> None:
    assert_next_call_works(call)
    pool = get_pool()
    before = set(pool.pids())
    for pid in before:
        os.kill(pid, 9)
        wait_for(lambda pid=pid: not Path(f"/proc/{pid}").exists())
    for _ in range(4):
        assert_next_call_works(call)
    assert not set(pool.pids()) & before


def test_a_trap_names_the_function_it_happened_in(faults: Plugin, call: Callable[..., Any]) -> None:
    problem = assert_problem(call("deep_recursion"), 502, "plugin-trapped")
    assert "descend" in problem["detail"]
    assert "wasm backtrace" in problem["backtrace"]


def test_plugins_refuse_to_run_inside_a_transaction(faults: Plugin) -> None:
    admission = authorization.authorize(faults, "echo", authorization.Client(User()))
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        runner.run_and_wait(admission, b"")


@pytest.mark.parametrize(("function", "word"), [("fail_text", "liking"), ("deep_recursion", "descend")])
def test_a_sensitive_functions_words_reach_its_caller_and_are_not_kept(
    faults: Plugin, call: Callable[..., Any], function: str, word: str
) -> None:
    """What a guest says of a secret input could repeat it; the history must not."""
    release = faults.active
    for declared in release.manifest_data["functions"]:
        declared["sensitive"] = True
    release.save()
    response = call(function)
    assert word in response.content.decode()
    kept = history().get(pk=response["Execution-Id"]).problem
    assert word not in json.dumps(kept)
    assert kept is not None
    assert kept["status"] == response.status_code


def test_call_that_its_caller_abandons_is_cancelled_and_no_fault(
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


def test_every_execution_is_recorded_with_its_timing(
    faults: Plugin, call: Callable[..., Any], alice: User
) -> None:
    response = call("echo", b"12345")
    execution = history().get(pk=response["Execution-Id"])
    assert (execution.user, execution.state) == (alice, Execution.State.SUCCEEDED)
    assert (execution.input_bytes, execution.output_bytes) == (5, 5)
    names = [part.split(";")[0] for part in response["Server-Timing"].split(", ")]
    assert names == ["queue", "start", "run", "host"]
    assert execution.problem is None
