"""Checks that the bench measures what it claims, rejects wrong answers and compares equal libraries."""

import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest

from accounts.models import User
from plugins.bundles.wasm import read_module
from plugins.models import Plugin
from plugins.runtime.protocol import Result
from tests import runtime
from tests.bench import big_module, peers
from tests.bench.__main__ import use_default_settings
from tests.bench.calls import GUESTS, NAME, PEERS
from tests.bench.load import Figures, Generator, Request, WrongAnswer, generator
from tests.bench.measuring import Target, in_turns
from tests.bench.memory import pss_mb, tree
from tests.bench.report import Goal, medians, ratio

HELLO = Request("hello", "POST", "/hello", (("Accept", "*/*"),), b"hi", answer=b"hello")
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(scope="module")
def load() -> Iterator[Generator]:
    with generator() as load:
        yield load


Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that answers each request with these pieces, or hangs up if there are none.

    Returns its port.
    """
    servers = []

    def serve(*pieces: bytes, seen: list[bytes] | None = None) -> int:
        class Handler(StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                while asked := self.request.recv(65536):
                    if seen is not None:
                        seen.append(asked)
                    if not pieces:
                        return
                    for piece in pieces:
                        self.wfile.write(piece)
                        time.sleep(0.01)  # so that the pieces arrive separately

        server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        port: int = server.server_address[1]
        return port

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_each_connection_sends_the_next_request_after_the_answer(load: Generator, serve: Serve) -> None:
    seen: list[bytes] = []
    port = serve(GOOD, seen=seen)
    figures = load.measure(port, HELLO, 3, 0)
    host = f"127.0.0.1:{port}".encode()
    expected = b"POST /hello HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 2\r\nAccept: */*\r\n\r\nhi"
    assert seen == [expected] * 3
    assert 0 < figures.p50 <= figures.p95 <= figures.p99


def test_the_load_lasts_for_the_given_time(load: Generator, serve: Serve) -> None:
    seen: list[bytes] = []
    load.measure(serve(GOOD, seen=seen), HELLO, 2, 0.5)
    assert len(seen) > 2


def test_an_answer_may_arrive_in_pieces(load: Generator, serve: Serve) -> None:
    load.measure(serve(GOOD[:9], GOOD[9:30], GOOD[30:-2], GOOD[-2:]), HELLO, 1, 0.05)


@pytest.mark.parametrize(
    "answer",
    [
        GOOD.replace(b"hello", b"hullo"),
        GOOD.replace(b"200", b"503"),
        GOOD + b"more",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_a_wrong_answer_is_an_error(load: Generator, serve: Serve, answer: bytes) -> None:
    with pytest.raises(WrongAnswer, match="hello"):
        load.measure(serve(answer), HELLO, 1, 0)


def test_only_the_length_of_a_varying_body_is_checked(load: Generator, serve: Serve) -> None:
    varies = Request("varies", "GET", "/")
    load.measure(serve(GOOD), varies, 1, 0)
    with pytest.raises(WrongAnswer):
        load.measure(serve(GOOD + b"more"), varies, 1, 0)


def test_a_server_that_hangs_up_is_an_error(load: Generator, serve: Serve) -> None:
    with pytest.raises(ConnectionError):
        load.measure(serve(), HELLO, 2, 0)


def test_figures_are_in_milliseconds() -> None:
    latencies = array("d", [i / 1000 for i in range(1, 102)])
    assert Figures.of(latencies, 2.0) == pytest.approx((50.5, 51, 96, 100))
    assert Figures.of(array("d", [0.25]), 0.5) == (2, 250, 250, 250)


def test_targets_take_turns_in_going_first(load: Generator, serve: Serve) -> None:
    asked: list[bytes] = []
    targets = [Target(serve(GOOD, seen=asked), Request(name, "GET", f"/{name}")) for name in "ab"]
    seen = in_turns(load, targets, 1, rounds=2, seconds=0)
    assert [len(rounds) for rounds in seen] == [2, 2]
    paths = [raw.split()[1].decode() for raw in asked]
    after_warm_up = "".join(paths)[-8:]
    assert after_warm_up == "/a/b/b/a"


def test_ratios_compare_figures_of_the_same_round() -> None:
    ours = [Figures(rate, 1, 1, 1) for rate in (100, 50, 10)]
    theirs = [Figures(rate, 1, 1, 1) for rate in (50, 25, 40)]
    assert ratio(ours, theirs) == 2
    assert medians(ours).per_second == 50


def test_a_goal_is_an_upper_or_a_lower_bound() -> None:
    assert Goal(4.5).judge(4.5) == "at least 4.5, met"
    assert Goal(4.5).judge(4.4) == "at least 4.5, not met"
    assert Goal(20, at_most=True).judge(20) == "at most 20, met"
    assert Goal(20, at_most=True).judge(21) == "at most 20, not met"


def test_hostbridge_gives_the_answers_that_the_bench_expects(
    bundled: dict[str, Plugin], install: Any, api: Any, alice: User
) -> None:
    install("small")
    for guest in GUESTS:
        response = api(alice).post(f"/api/v1/plugins/{guest.name}/call/greet", NAME)
        assert response.content == guest.answer
        assert len(guest.goals) == 1 + len(PEERS)


def test_the_peers_use_our_versions_of_libextism_and_uvicorn() -> None:
    lines = (peers.SOURCES / "requirements.txt").read_text().split()
    for package in ("extism", "extism-sys", "uvicorn", "uvloop", "httptools"):
        assert f"{package}=={version(package)}" in lines


def test_the_large_module_is_reproducible_and_runs(tmp_path: Path) -> None:
    wasm = big_module.build(60_000)
    assert 60_000 <= len(wasm) < 61_000
    assert wasm == big_module.build(60_000)
    assert read_module(wasm).exports.keys() == {"run"}
    pool = runtime.RunningPool(tmp_path)
    try:
        result, _ = pool.run(runtime.make_job("big", lambda: wasm))
    finally:
        pool.shut_down()
    assert isinstance(result.reply, Result)
    assert result.reply.output == b""


def test_memory_includes_all_descendants() -> None:
    parent = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pids = tree(process.pid)
        assert pids[0] == process.pid
        assert len(pids) == 2
        assert all(1 < pss_mb(pid) < 100 for pid in pids)
        process.communicate(b"\n")


def test_servers_are_measured_with_default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PLUGIN_WORKERS": "7", "PLUGIN_QUEUE": "1", "HOME": "/home/olga"})
    use_default_settings()
    assert os.environ == {"HOME": "/home/olga"}
