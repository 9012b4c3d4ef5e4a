"""The pool with real worker processes. Who gets which worker: test_admission_queue.py."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from plugins.runtime import worker_process
from plugins.runtime.admission_queue import Overloaded
from plugins.runtime.engine import PrivateEngine
from plugins.runtime.job import Cancelled, Crashed, InvalidModule, Job, TimedOut, WorkerError
from plugins.runtime.pool import Stopping
from plugins.runtime.protocol import Frame, GuestRequest, HostReply, HostRequest, Ready, Result, pack
from plugins.runtime.supervisor import Supervisor
from plugins.runtime.worker_channel import WorkerChannel
from plugins.runtime.worker_process import WorkerOptions, WorkerProcess
from tests.runtime import RunningPool, make_job, refuse
from tests.server import ROOT, processes_gone

FAULTS = ROOT / "wasm-plugins" / "fixtures" / "faults" / "faults.wasm"
HOSTCALL = ROOT / "wasm-plugins" / "fixtures" / "hostcall" / "hostcall.wasm"


def job(function: str, payload: bytes = b"", *, wasm: Path = FAULTS, timeout_ms: int = 5000) -> Job:
    return make_job(wasm.name, wasm.read_bytes, function, payload, timeout_ms=timeout_ms, memory_mb=4)


MakePool = Callable[..., RunningPool]


@pytest.fixture
def make_pool(tmp_path: Path) -> Iterator[MakePool]:
    pools: list[RunningPool] = []

    def make(size: int = 1, queue: int = 4, queue_timeout_ms: int = 5000) -> RunningPool:
        cache_dir = tmp_path / "cache"
        pools.append(RunningPool(cache_dir, size=size, queue=queue, queue_timeout_ms=queue_timeout_ms))
        return pools[-1]

    yield make
    for pool in pools:
        pool.shut_down()


def output(pool: RunningPool, job: Job) -> bytes:
    result, _ = pool.run(job)
    assert isinstance(result.reply, Result)
    return result.reply.output


def fail(pool: RunningPool, job: Job) -> None:
    with pytest.raises((Crashed, Stopping, TimedOut)):
        pool.run(job)


def all_busy(pool: RunningPool) -> bool:
    census = pool.census()
    return not census.idle and not census.starting


def test_worker_is_reused_and_compiles_a_module_once(make_pool: MakePool) -> None:
    pool = make_pool()
    first, _ = pool.run(job("echo", b"1"))
    pids = pool.pids()
    second, _ = pool.run(job("echo", b"2"))
    assert first.load_ms > 0
    assert second.load_ms == 0
    assert pool.pids() == pids


def test_warmed_plugin_finds_its_module_loaded(make_pool: MakePool) -> None:
    pool = make_pool(size=2)
    pool.warm("faults", job("echo"))
    pool.warm("hostcall", job("fetch", wasm=HOSTCALL))
    others, _ = pool.run(job("fetch", b"x", wasm=HOSTCALL), plugin="hostcall")
    first, _ = pool.run(job("echo", b"1"), plugin="faults")
    assert (others.load_ms, first.load_ms) == (0, 0)
    assert isinstance(first.reply, Result)


def test_failed_warm_up_costs_no_worker(make_pool: MakePool) -> None:
    pool = make_pool()
    with pytest.raises(InvalidModule):
        pool.warm("broken", replace(job("echo"), sha256="broken", wasm=lambda: b"\0asm\1\0\0\0\xff"))
    assert output(pool, job("echo", b"1")) == b"1"
    pool.close()
    with pytest.raises(Overloaded):
        pool.warm("faults", job("echo"))


def test_concurrent_callers_get_their_own_results(make_pool: MakePool) -> None:
    pool = make_pool(size=2, queue=100)
    wrong: list[bytes] = []

    def caller(number: int) -> None:
        for turn in range(20):
            payload = f"{number}-{turn}".encode()
            if output(pool, job("echo", payload)) != payload:
                wrong.append(payload)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_full_queue_refuses_callers_at_once(make_pool: MakePool) -> None:
    pool = make_pool(queue=1)
    output(pool, job("echo"))
    busy = [threading.Thread(target=fail, args=(pool, job("loop_forever", timeout_ms=3000)))]
    busy += [threading.Thread(target=lambda: output(pool, job("echo")))]
    busy[0].start()
    wait_until(lambda: all_busy(pool))
    busy[1].start()
    wait_until(lambda: pool.census().waiting)
    with pytest.raises(Overloaded):
        pool.run(job("echo"))
    assert busy[0].is_alive(), "it was refused only after a worker had become free"
    for thread in busy:
        thread.join()
    assert output(pool, job("echo", b"again")) == b"again"


def test_caller_waits_no_longer_than_the_queue_timeout(make_pool: MakePool) -> None:
    pool = make_pool(queue_timeout_ms=200)
    pool.layers()  # its worker is up
    output(pool, job("echo"))
    busy = threading.Thread(target=fail, args=(pool, job("loop_forever", timeout_ms=20_000)))
    busy.start()
    wait_until(lambda: all_busy(pool))
    started = time.monotonic()
    with pytest.raises(Overloaded):
        pool.run(job("echo"))
    assert time.monotonic() - started < 10
    pool.close()
    busy.join()


def in_background(pool: RunningPool, job: Job, plugin: str = "any", times: int = 1) -> list[threading.Thread]:
    """Calls in threads, whose results are ignored."""

    def call() -> None:
        with contextlib.suppress(Overloaded, Stopping, WorkerError):
            pool.run(job, refuse, plugin)

    threads = [threading.Thread(target=call) for _ in range(times)]
    for thread in threads:
        thread.start()
    return threads


def options(folder: Path) -> WorkerOptions:
    (folder / "cache.toml").write_text("")
    return WorkerOptions(64 << 20, folder / "cache.toml")


async def never(request: GuestRequest, deadline: float) -> HostReply:
    raise AssertionError(f"unexpected {request}")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_slow_plugin_leaves_a_worker_for_others(make_pool: MakePool) -> None:
    pool = make_pool(size=2, queue=20)
    slow = in_background(pool, job("loop_forever", timeout_ms=3000), "slow", times=4)
    wait_until(lambda: pool.census().waiting == 3)
    started = time.monotonic()
    result, _ = pool.run(job("echo", b"past them"), plugin="quick")
    assert isinstance(result.reply, Result)
    assert result.reply.output == b"past them"
    assert any(thread.is_alive() for thread in slow), "it was served only after the slow calls"
    assert time.monotonic() - started < 3
    pool.close()
    for thread in slow:
        thread.join()


def test_running_call_can_be_cancelled(make_pool: MakePool) -> None:
    pool = make_pool()
    call_id = uuid.uuid4()
    ended: list[BaseException] = []

    def call() -> None:
        try:
            pool.run(job("sleep_forever", timeout_ms=20_000), call_id=call_id, on_start=started.set)
        except WorkerError as error:
            ended.append(error)

    started = threading.Event()
    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(10)
    assert pool.cancel(call_id)
    thread.join(timeout=5)
    assert [type(error) for error in ended] == [Cancelled]
    assert not pool.cancel(call_id), "it has left the pool"
    assert output(pool, job("echo", b"next")) == b"next"


def test_waiting_call_can_be_cancelled(make_pool: MakePool) -> None:
    pool = make_pool()
    busy = in_background(pool, job("loop_forever", timeout_ms=1500))
    wait_until(lambda: all_busy(pool))
    call_id = uuid.uuid4()
    ended: list[BaseException] = []

    def call() -> None:
        try:
            pool.run(job("echo"), plugin="other", call_id=call_id)
        except WorkerError as error:
            ended.append(error)

    waiting = threading.Thread(target=call)
    waiting.start()
    wait_until(lambda: pool.census().waiting)
    assert pool.cancel(call_id)
    waiting.join(timeout=1)
    assert [type(error) for error in ended] == [Cancelled]
    busy[0].join()
    assert output(pool, job("echo", b"next")) == b"next"


def test_every_call_gets_a_fresh_instance(make_pool: MakePool) -> None:
    """Also if the instance was made in advance."""
    pool = make_pool()
    assert {output(pool, job("counter")) for _ in range(6)} == {b"1"}


def test_prepared_instance_has_the_settings_of_its_own_call(
    make_pool: MakePool,
) -> None:
    pool = make_pool()
    for value in ("a", "a", "a", "b", "b", "b", "a"):
        asked = replace(job("config_dump", b'["colour"]'), config=json.dumps({"colour": value}).encode())
        assert json.loads(output(pool, asked)) == {"colour": value}


def test_worker_still_cleaning_up_after_another_plugin_is_replaced(make_pool: MakePool) -> None:
    """A plugin must not meet anything left over from another's call, and must not wait for it."""
    pool = make_pool()
    output(pool, job("echo"))
    (pid,) = pool.pids()
    other_module = replace(job("echo", b"other"), fuel=1_000_000)
    assert output(pool, other_module) == b"other"
    assert pool.pids() == [pid], "a worker that has settled serves any module"
    os.kill(pid, signal.SIGSTOP)  # as if it were still cleaning up
    assert output(pool, job("echo", b"next")) == b"next"
    assert pid not in pool.pids()


def test_cleanup_after_the_same_plugin_counts_towards_the_next_calls_time(make_pool: MakePool) -> None:
    pool = make_pool()
    for number in range(50):  # without a pause: most calls arrive while the worker still cleans up
        assert output(pool, job("echo", b"%d" % number)) == b"%d" % number
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimedOut):
        output(pool, job("echo", timeout_ms=300))
    assert pid not in pool.pids()


def test_timed_out_worker_is_killed_and_replaced(make_pool: MakePool) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    (pid,) = pool.pids()
    started = time.monotonic()
    with pytest.raises(TimedOut):
        pool.run(job("sleep_forever", timeout_ms=300))
    assert 0.3 <= time.monotonic() - started < 5  # its own limit, and no other
    assert not Path(f"/proc/{pid}").exists()
    assert output(pool, job("echo", b"next")) == b"next"


def test_host_calls_count_towards_the_time_limit(make_pool: MakePool) -> None:
    pool = make_pool()

    def slow(request: HostRequest, deadline: float) -> HostReply:
        time.sleep(0.6)
        return HostReply(request.call_id, 200, {}, b"late")

    with pytest.raises(TimedOut):
        pool.run(job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL, timeout_ms=300), slow)
    assert output(pool, job("echo", b"next")) == b"next"


def test_interrupted_call_leaves_no_reply_for_the_next(make_pool: MakePool) -> None:
    """The next caller must not get the reply to an interrupted call."""
    pool = make_pool()

    def interrupted(request: HostRequest, deadline: float) -> HostReply:
        raise KeyboardInterrupt

    fetch = job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL)
    with pytest.raises(KeyboardInterrupt):
        pool.run(fetch, interrupted)
    assert output(pool, job("echo", b"payload")) == b"payload"


def test_reply_to_another_call_is_refused(make_pool: MakePool) -> None:
    pool = make_pool()

    def forged(request: HostRequest, deadline: float) -> HostReply:
        return HostReply(request.call_id + 1, 200, {}, b"another caller's")

    with pytest.raises(Crashed):
        pool.run(job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL), forged)
    assert output(pool, job("echo", b"payload")) == b"payload"


@pytest.mark.parametrize(
    "frame",
    [
        Result(99, b"another caller's", 0, 0),
        HostRequest(99, "GET", "http://x", {}, b""),
        Ready("again", {}),
        HostReply(1, 200, {}, b"not a worker's frame"),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_worker_that_breaks_the_protocol_is_killed(tmp_path: Path, frame: Frame) -> None:
    async def call() -> WorkerProcess:
        worker = await WorkerProcess.start(options(tmp_path))
        real = worker.channel
        ours, theirs = socket.socketpair()
        with theirs:
            worker.channel = await WorkerChannel.open(ours)
            worker.modules[job("echo").module] = None
            theirs.sendall(pack(frame))
            with pytest.raises(Crashed):
                await worker.call(job("echo"), never)
        real.close()
        return worker

    assert not asyncio.run(call()).usable


def test_closing_ends_idle_and_busy_workers(make_pool: MakePool) -> None:
    pool = make_pool(size=2)
    output(pool, job("echo"))
    busy = threading.Thread(target=fail, args=(pool, job("loop_forever")))
    busy.start()
    wait_until(lambda: not pool.census().starting and pool.census().idle == 1)
    pids = pool.pids()
    assert len(pids) == 2
    pool.close()
    busy.join()
    assert processes_gone(pids, 5)
    with pytest.raises(Overloaded):
        pool.run(job("echo"))


def test_worker_inherits_no_environment_and_no_files(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_KEY", "very secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    # The worker itself reports, before it closes what it inherited and becomes unreadable even to its server.
    report = (
        "import json, os; from pathlib import Path; links = Path('/proc/self/fd').iterdir(); "
        "opened = [os.readlink(link) for link in list(links) if link.exists()]; "
        f"Path({str(tmp_path / 'report')!r}).write_text(json.dumps([dict(os.environ), opened])); "
    )
    monkeypatch.setattr(worker_process, "BOOT", report + worker_process.BOOT)
    with Path("/etc/hostname").open():
        pool = make_pool()
        output(pool, job("echo"))
        (pid,) = pool.pids()
    environment, opened = json.loads((tmp_path / "report").read_text())
    assert set(environment) == {"RUST_BACKTRACE", "LANG"}
    assert os.getsid(pid) == pid
    assert "/etc/hostname" not in opened
    assert len([name for name in opened if name.startswith("socket:")]) == 1


def test_module_that_does_not_compile_costs_no_worker(make_pool: MakePool) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    pids = pool.pids()
    broken = replace(job("echo"), sha256="broken", wasm=lambda: b"\0asm\x01\0\0\0\x01\xff")
    with pytest.raises(InvalidModule):
        pool.run(broken)
    assert output(pool, job("echo", b"next")) == b"next"
    assert pool.pids() == pids


PARENT = """
import sys; sys.path.insert(0, sys.argv[1])
import threading, time
from pathlib import Path
from tests.plugins.runtime.test_pool import job
from tests.runtime import RunningPool
pool = RunningPool(Path(sys.argv[2]), size=2, queue=4)
for _ in range(2):  # so that no worker is still compiling, which would notice by itself that its parent died
    pool.run(job("echo"))
endless = job("loop_forever", timeout_ms=60000)
threading.Thread(target=pool.run, args=(endless,), daemon=True).start()
time.sleep(0.3)
print(*pool.pids(), flush=True)
time.sleep(60)
"""


def test_worker_dies_with_its_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(ROOT), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    assert processes_gone(pids, 5)


def test_worker_can_be_ended_twice(tmp_path: Path) -> None:
    async def end_twice() -> WorkerProcess:
        worker = await WorkerProcess.start(options(tmp_path))
        await worker.end()
        await worker.end()
        return worker

    assert not asyncio.run(end_twice()).usable


def test_worker_is_reaped_even_if_ending_it_is_cancelled(tmp_path: Path) -> None:
    async def cancel_ending() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        worker = await WorkerProcess.start(options(tmp_path))
        free = threading.Event()
        blocked = loop.run_in_executor(None, free.wait)
        ending = asyncio.create_task(worker.end())
        await asyncio.sleep(0.01)
        ending.cancel()
        await asyncio.wait([ending])
        free.set()
        await blocked
        async with asyncio.timeout(10):
            while worker.process.returncode is None:
                await asyncio.sleep(0.01)

    asyncio.run(cancel_ending())


def test_census_counts_workers_and_calls(make_pool: MakePool) -> None:
    pool = make_pool(queue=1, queue_timeout_ms=500)
    output(pool, job("echo"))
    assert pool.census() == (0, 1, 0, 0, 0, 0, 0)
    running = in_background(pool, job("loop_forever", timeout_ms=3000), "a")
    wait_until(lambda: pool.census().busy)
    waiting = in_background(pool, job("echo"), "b")
    wait_until(lambda: pool.census().waiting)
    with pytest.raises(Overloaded):
        pool.run(job("echo"), plugin="c")
    found = pool.census()
    assert (found.busy, found.idle, found.waiting, found.queue_full) == (1, 0, 1, 1)
    for thread in (*running, *waiting):
        thread.join()
    found = pool.census()
    assert (found.queue_full, found.waited_too_long, found.replaced) == (1, 1, 1)


def test_idle_worker_that_dies_is_replaced_at_once(make_pool: MakePool) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pool.census().replaced == 1 and pool.census().idle == 1)
    assert pid not in pool.pids()


def test_death_of_an_idle_worker_is_logged(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    os.kill(pool.pids()[0], signal.SIGKILL)
    wait_until(lambda: pool.census().replaced)
    assert "idle worker died" in caplog.text


def test_call_cancelled_during_clean_up_leaves_no_reply_for_the_next(make_pool: MakePool) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)  # no reply to Settle until the call has been cancelled

    async def cancel_midway(_: object) -> None:
        with pool.pool.admit(uuid.uuid4(), "other") as ticket:
            call = asyncio.create_task(pool.pool.run(ticket, replace(job("echo"), fuel=1_000_000), never))
            await asyncio.sleep(0.1)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call

    pool.engine.run(cancel_midway)
    with contextlib.suppress(ProcessLookupError):  # it was killed
        os.kill(pid, signal.SIGCONT)
    assert output(pool, job("echo", b"next")) == b"next"
    assert pid not in pool.pids()


def test_module_that_cannot_be_read_costs_no_worker(make_pool: MakePool) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    pids = pool.pids()
    with pytest.raises(FileNotFoundError):
        pool.run(replace(job("echo"), sha256="missing", wasm=Path("/no/such/file").read_bytes))
    assert pool.pids() == pids


def test_worker_that_dies_before_a_trial_is_a_crash(tmp_path: Path) -> None:
    async def try_out() -> None:
        worker = await WorkerProcess.start(options(tmp_path))
        await worker.load(job(""))
        os.kill(worker.pid, signal.SIGKILL)
        while not worker.channel.closed:
            await asyncio.sleep(0.01)
        with pytest.raises(Crashed):
            await worker.try_out(job(""))

    asyncio.run(try_out())


def test_closing_waits_until_every_call_has_left(make_pool: MakePool) -> None:
    pool = make_pool()
    asked, answered = threading.Event(), threading.Event()

    def slow(request: GuestRequest, deadline: float) -> HostReply:
        asked.set()
        assert answered.wait(10)
        return HostReply(request.call_id, 200, {}, b"")

    def call() -> None:
        with contextlib.suppress(Stopping):
            pool.run(job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL), slow)

    calling, closing = threading.Thread(target=call), threading.Thread(target=pool.close)
    calling.start()
    assert asked.wait(10)
    closing.start()
    closing.join(timeout=0.3)
    assert closing.is_alive()
    answered.set()
    closing.join(timeout=10)
    assert not pool.pool.busy
    calling.join()


def test_supervisor_tries_again_after_any_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("plugins.runtime.supervisor.RETRY_SECONDS", 0.01)
    good = options(tmp_path)

    async def start() -> None:
        ready: list[WorkerProcess] = []
        unusable = good._replace(guest_memory_bytes=None)  # type: ignore[arg-type]
        supervisor = Supervisor(size=1, options=unusable, on_ready=ready.append)
        supervisor.start()
        while "A worker did not start" not in caplog.text:
            await asyncio.sleep(0.01)
        supervisor.options = good
        await asyncio.wait_for(supervisor.full.wait(), 20)
        assert [worker.pid for worker in ready] == supervisor.pids()
        await supervisor.close()

    asyncio.run(start())


def test_shutting_down_wakes_threads_that_wait_for_the_engine() -> None:
    engine = PrivateEngine(lambda: pytest.fail("no pool is needed"))
    running = threading.Event()
    ended: list[BaseException] = []

    async def forever(_: object) -> None:
        running.set()
        await asyncio.sleep(3600)

    def wait() -> None:
        try:
            engine.run(forever)
        except CancelledError as error:
            ended.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert running.wait(10)
    engine.shut_down()
    waiting.join(timeout=10)
    assert ended


def test_cancelling_starts_no_pool() -> None:
    engine = PrivateEngine(lambda: pytest.fail("no pool is needed"))
    assert not engine.cancel(uuid.uuid4())
    engine.shut_down()


def test_interrupted_caller_ends_its_call_but_not_the_engine(make_pool: MakePool) -> None:
    pool = make_pool()

    def interrupted(request: HostRequest, deadline: float) -> HostReply:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.run(job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL), interrupted)
    assert output(pool, job("echo", b"next")) == b"next"


def test_engines_own_thread_may_not_wait_for_it(make_pool: MakePool) -> None:
    engine = make_pool().engine
    with pytest.raises(RuntimeError, match="event loop"):
        engine.call(engine.run, lambda _: asyncio.sleep(0))
