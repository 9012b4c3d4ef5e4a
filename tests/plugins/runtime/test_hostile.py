"""A hostile plugin costs one execution, which says what happened, and affects nobody else.

The tests run in the web process: if it died, they would die too. test_hostile_server.py runs all hostile
plugins at once.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from accounts.models import User
from plugins.bundles.bundle import read_folder
from plugins.bundles.wasm import InvalidWasm
from plugins.models import Execution
from plugins.runtime.current_engine import get_pool
from tests.conftest import API, assert_problem, history, host_calls
from tests.plugins.unchecked import FIXTURES, install_unchecked

Call = Callable[..., Any]
State = Execution.State
ECHO = b"\x00\xffany bytes"
LONG_MS = 30_000  # long enough, even on a busy machine, for what ends by itself

# The upload check refuses these. A module that passed it must still cost no more than its worker.
REFUSED = ["start_loop", "start_host_call", "nul_import", "nul_export", "duplicate_export"]


class Hostile(NamedTuple):
    """A call with the response that its caller gets, and how its execution ends."""

    fixture: str
    function: str
    status: int
    code: str
    state: str
    input: bytes = b""

    @property
    def timeout_ms(self) -> int:
        return 1000 if self.state == State.TIMED_OUT else LONG_MS


TIMED_OUT = (504, "plugin-timed-out", State.TIMED_OUT)
TRAPPED = (502, "plugin-trapped", State.FAILED)
OUT_OF_MEMORY = (502, "plugin-out-of-memory", State.FAILED)
OUTPUT_TOO_LARGE = (502, "plugin-output-too-large", State.FAILED)
CRASHED = (502, "plugin-crashed", State.CRASHED)
INVALID = (502, "plugin-invalid", State.FAILED)
PLUGIN_ERROR = (422, "plugin-error", State.FAILED)

HOSTILE = [
    Hostile("faults", "loop_forever", *TIMED_OUT),
    Hostile("init_loop", "run", *TIMED_OUT),
    Hostile("start_loop", "run", *TIMED_OUT),
    Hostile("faults", "sleep_forever", *TIMED_OUT),
    Hostile("faults", "grow_memory", *OUT_OF_MEMORY),
    Hostile("faults", "exhaust", *OUT_OF_MEMORY),
    Hostile("table_grow", "run", *OUT_OF_MEMORY),
    Hostile("faults", "deep_recursion", *TRAPPED),
    Hostile("faults", "huge_output", *OUTPUT_TOO_LARGE),
    Hostile("faults", "forged_output", *OUTPUT_TOO_LARGE),
    Hostile("faults", "wrapped_output", *OUTPUT_TOO_LARGE),
    Hostile("faults", "forged_error", *CRASHED),
    Hostile("start_host_call", "run", *CRASHED),
    Hostile("init_crash", "run", *CRASHED),
    Hostile("nul_import", "run", *CRASHED),
    Hostile("nul_export", "run", *CRASHED),
    Hostile("duplicate_export", "run", *INVALID),
    Hostile("faults", "trap", *TRAPPED),
    Hostile("faults", "fail_silent", *PLUGIN_ERROR),
    Hostile("var_hog", "run", *TRAPPED),
    Hostile("ignores_errors", "no_room", *OUT_OF_MEMORY),
    Hostile("host_call_flood", "run", 502, "plugin-host-call-limit", State.FAILED),
]


class Harmless(NamedTuple):
    """An attempt that achieves nothing and has the same output every time."""

    fixture: str
    function: str
    output: bytes
    input: bytes = b""
    timeout_ms: int = LONG_MS


HARMLESS = [
    Harmless("log_flood", "run", b""),
    Harmless("ignores_errors", "refused", b"all well"),
    Harmless("faults", "counter", b"1"),
    Harmless("faults", "var_counter", b"1"),
    Harmless("faults", "forged_offset", b""),
    Harmless("port_scanner", "run", b"[403,403]", b"http://127.0.0.1:22/\nhttp://169.254.169.254/\n"),
]


@pytest.fixture
def call(transactional_db: None, alice: User) -> Call:
    """Calls a function of a fixture, which is installed without grants at its first call."""
    client = API(alice)
    slugs: dict[str, str] = {}

    def call(fixture: str, function: str, data: bytes = b"", timeout_ms: int = LONG_MS) -> Any:
        if fixture not in slugs:
            slugs[fixture] = install_unchecked(fixture, timeout_ms).slug
        return client.post(f"/api/v1/plugins/{slugs[fixture]}/call/{function}", data)

    return call


def assert_others_are_served(call: Call) -> None:
    """Every worker serves, including the one that had the hostile call."""
    for _ in range(get_pool().size):
        response = call("echo", "run", ECHO)
        assert response.status_code == 200
        assert response.content == ECHO


@pytest.mark.parametrize(
    "case",
    HOSTILE,
    ids=lambda case: f"{case.fixture}-{case.function}",
)
def test_hostile_call_costs_one_execution_and_nothing_else(call: Call, case: Hostile) -> None:
    response = call(case.fixture, case.function, case.input, case.timeout_ms)
    problem = assert_problem(response, case.status, case.code)
    execution = history().get(pk=response["Execution-Id"])
    assert execution.state == case.state
    assert execution.problem
    assert execution.problem["type"] == problem["type"]
    assert execution.finished_at is not None
    assert_others_are_served(call)


@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: f"{case.fixture}-{case.function}")
def test_harmless_attempt_succeeds_and_leaves_nothing_behind(call: Call, case: Harmless) -> None:
    for _ in range(get_pool().size + 1):  # at least one worker serves twice
        response = call(case.fixture, case.function, case.input, case.timeout_ms)
        assert (response.status_code, response.content) == (200, case.output)
        assert history().get(pk=response["Execution-Id"]).state == State.SUCCEEDED
    assert_others_are_served(call)


def test_refused_host_call_is_audited_whatever_the_guest_claims(call: Call) -> None:
    response = call("ignores_errors", "refused")
    (refused,) = host_calls().filter(execution=response["Execution-Id"])
    assert (refused.operation, refused.status) == ("db_get_user_by_email", 403)


def test_reply_that_did_not_reach_the_guest_is_not_a_success(call: Call) -> None:
    """The guest claims success, but has no memory for the host's reply."""
    response = call("ignores_errors", "no_room")
    assert_problem(response, 502, "plugin-out-of-memory")
    assert host_calls().filter(execution=response["Execution-Id"]).count() == 1


def test_port_scanner_reaches_no_port(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        urls = [
            f"http://127.0.0.1:{port}/",
            f"http://localhost:{port}/",
            f"http://0x7f.1:{port}/",
            f"http://[::ffff:127.0.0.1]:{port}/",
            f"http://hostbridge.invalid:{port}/host/v1/users",
            f"http://hostbridge.invalid@127.0.0.1:{port}/host/v1/users",
            "https://example.com/",
            "file:///etc/passwd",
        ]
        response = call("port_scanner", "run", "".join(f"{url}\n" for url in urls).encode())
        assert json.loads(response.content) == [403] * len(urls)
        with pytest.raises(BlockingIOError):  # no connection is waiting
            listener.accept()
    assert_others_are_served(call)


class Redirector(BaseHTTPRequestHandler):
    """Redirects `/` to `/secret`."""

    requested: list[str] = []

    def do_GET(self) -> None:
        self.requested.append(self.path)
        self.send_response(302 if self.path == "/" else 200)
        self.send_header("Location", "/secret")
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"secret")

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the log out of the tests' output."""


@pytest.fixture
def redirector() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirector) as server:
        Redirector.requested.clear()
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_redirect_follower_reaches_neither_url(call: Call, redirector: ThreadingHTTPServer) -> None:
    url = f"http://127.0.0.1:{redirector.server_port}/"
    answer = json.loads(call("redirect_follower", "run", url.encode()).content)
    assert (answer["status"], answer["type"]) == (403, "urn:hostbridge:problem:network-not-granted")
    assert Redirector.requested == []
    assert_others_are_served(call)


@pytest.mark.parametrize("fixture", REFUSED)
def test_module_that_would_crash_a_naive_host_is_not_installed(fixture: str) -> None:
    with pytest.raises(InvalidWasm):
        read_folder(FIXTURES / fixture)
