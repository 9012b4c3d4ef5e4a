"""Workers and admission, with real worker processes."""

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
from pathlib import Path

import pytest
from msgspec.structs import replace

from plugins.runtime import process
from plugins.runtime.job import Cancelled, Crashed, InvalidModule, Job, TimedOut, WorkerError
from plugins.runtime.pool import Overloaded, Pool, Stopping
from plugins.runtime.process import WorkerProcess
from plugins.runtime.protocol import Channel, Frame, HostReply, HostRequest, Ready, Result
from tests import runtime
from tests.runtime import make_job, refuse, run
from tests.server import ROOT, processes_gone

FAULTS = ROOT / "wasm-plugins" / "fixtures" / "faults" / "faults.wasm"
HOSTCALL = ROOT / "wasm-plugins" / "fixtures" / "hostcall" / "hostcall.wasm"


def job(function: str, payload: bytes = b"", *, wasm: Path = FAULTS, timeout_ms: int = 5000) -> Job:
    return make_job(wasm.name, wasm.read_bytes, function, payload, timeout_ms=timeout_ms, memory_mb=4)


@pytest.fixture
def make_pool(tmp_path: Path) -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def make(size: int = 1, queue: int = 4, queue_timeout_ms: int = 5000) -> Pool:
        cache_dir = tmp_path / "cache"
        made.append(runtime.make_pool(cache_dir, size=size, queue=queue, queue_timeout_ms=queue_timeout_ms))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def output(pool: Pool, job: Job) -> bytes:
    answer, _ = run(pool, job, refuse)
    assert isinstance(answer.reply, Result)
    return answer.reply.output


def fail(pool: Pool, job: Job) -> None:
    with pytest.raises((Crashed, Stopping, TimedOut)):
        run(pool, job, refuse)


def test_one_worker_serves_call_after_call_and_compiles_once(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()
    first, _ = run(pool, job("echo", b"1"), refuse)
    pids = pool.pids()
    second, _ = run(pool, job("echo", b"2"), refuse)
    assert first.load_ms > 0
    assert second.load_ms == 0
    assert pool.pids() == pids


def test_a_plugin_that_was_warmed_finds_its_module_loaded(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(size=2)
    pool.warm("faults", job("echo"))
    pool.warm("hostcall", job("fetch", wasm=HOSTCALL))
    others, _ = run(pool, job("fetch", b"x", wasm=HOSTCALL), plugin="hostcall")
    first, _ = run(pool, job("echo", b"1"), plugin="faults")
    assert (others.load_ms, first.load_ms) == (0, 0)
    assert isinstance(first.reply, Result)


def test_a_module_that_cannot_be_warmed_costs_no_worker(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()
    with pytest.raises(InvalidModule):
        pool.warm("broken", replace(job("echo"), sha256="broken", wasm=lambda: b"\0asm\1\0\0\0\xff"))
    assert output(pool, job("echo", b"1")) == b"1"
    pool.close()
    with pytest.raises(Overloaded):
        pool.warm("faults", job("echo"))


def test_callers_at_once_each_get_their_own_answer(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(size=2, queue=100)
    wrong: list[bytes] = []

    def caller(number: int) -> None:
        for turn in range(20):
            mine = f"{number}-{turn}".encode()
            if output(pool, job("echo", mine)) != mine:
                wrong.append(mine)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_over_the_bound_callers_are_told_at_once(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(queue=1)
    output(pool, job("echo"))
    busy = [threading.Thread(target=fail, args=(pool, job("loop_forever", timeout_ms=3000)))]
    busy += [threading.Thread(target=lambda: output(pool, job("echo")))]
    busy[0].start()
    wait_until(lambda: not pool._idle and not pool._missing)
    busy[1].start()
    wait_until(lambda: pool._waiting)
    with pytest.raises(Overloaded):
        run(pool, job("echo"), refuse)
    assert busy[0].is_alive(), "it was told only when a worker had become free"
    for thread in busy:
        thread.join()
    assert output(pool, job("echo", b"again")) == b"again"


def test_a_caller_waits_only_so_long(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(queue_timeout_ms=200)
    pool.layers(timeout_seconds=30)  # its worker is up
    output(pool, job("echo"))
    busy = threading.Thread(target=fail, args=(pool, job("loop_forever", timeout_ms=20_000)))
    busy.start()
    wait_until(lambda: not pool._idle and not pool._missing)
    started = time.monotonic()
    with pytest.raises(Overloaded):
        run(pool, job("echo"), refuse)
    assert time.monotonic() - started < 10
    pool.close()
    busy.join()


def in_background(pool: Pool, job: Job, plugin: str = "any", times: int = 1) -> list[threading.Thread]:
    """Callers that are on their way, each in a thread; whatever they get is theirs."""

    def call() -> None:
        with contextlib.suppress(Overloaded, Stopping, WorkerError):
            run(pool, job, refuse, plugin)

    threads = [threading.Thread(target=call) for _ in range(times)]
    for thread in threads:
        thread.start()
    return threads


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_slow_plugin_leaves_a_worker_for_the_others(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(size=2, queue=20)
    slow = in_background(pool, job("loop_forever", timeout_ms=3000), "slow", times=4)
    wait_until(lambda: len(pool._waiting) == 3)
    started = time.monotonic()
    with pool.place(uuid.uuid4(), "quick") as place:
        answer, _ = pool.run(place, job("echo", b"past them"), refuse)
    assert isinstance(answer.reply, Result)
    assert answer.reply.output == b"past them"
    assert any(thread.is_alive() for thread in slow), "it was served only after the slow ones"
    assert time.monotonic() - started < 3
    pool.close()
    for thread in slow:
        thread.join()


def test_a_plugin_may_be_given_less_than_its_share(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(size=3, queue=20)
    with pool.place(uuid.uuid4(), "modest", 1) as first, pool.place(uuid.uuid4(), "modest", 1) as second:
        wait_until(lambda: first.worker)
        assert second.worker is None
        with pool.place(uuid.uuid4(), "other") as third, pool.place(uuid.uuid4(), "other") as fourth:
            wait_until(lambda: third.worker and fourth.worker)


def test_a_plugin_takes_at_most_half_of_the_queue(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(size=1, queue=4)
    output(pool, job("echo"))
    with contextlib.ExitStack() as places:
        for _ in range(3):  # one runs, two wait: half of four
            places.enter_context(pool.place(uuid.uuid4(), "greedy"))
        with pytest.raises(Overloaded), pool.place(uuid.uuid4(), "greedy"):
            pass
        places.enter_context(pool.place(uuid.uuid4(), "modest"))


class LockThatLetsAnotherPassFirst:
    """Lets `another` happen when the thread that armed it comes to leave, before it has the lock."""

    def __init__(self, real: threading.Lock, another: Callable[[], None]) -> None:
        self.real = real
        self.another = another
        self.armed_by: threading.Thread | None = None

    def __enter__(self) -> None:
        leaving = sys._getframe(1).f_code is Pool._leave.__code__
        if leaving and threading.current_thread() is self.armed_by:
            self.armed_by = None
            self.another()
        self.real.acquire()

    def __exit__(self, *_: object) -> None:
        self.real.release()


def test_a_worker_handed_to_a_call_that_just_gave_up_is_not_lost(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(queue_timeout_ms=100)
    assert pool.layers(timeout_seconds=30)  # its worker is up
    holds, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with pool.place(uuid.uuid4(), "first"):
            holds.set()
            ends.wait()

    def first_ends() -> None:
        ends.set()
        first.join()

    first = threading.Thread(target=hold)
    first.start()
    holds.wait()
    lock = LockThatLetsAnotherPassFirst(pool._lock, first_ends)
    pool._lock = lock  # type: ignore[assignment]
    lock.armed_by = threading.current_thread()
    with pytest.raises(Overloaded):
        run(pool, job("echo"), refuse, "late")
    assert lock.armed_by is None
    pool._lock = lock.real
    assert not pool._running
    assert output(pool, job("echo", b"next")) == b"next"


def test_a_running_call_can_be_cancelled(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()
    call_id = uuid.uuid4()
    ended: list[BaseException] = []

    def call() -> None:
        with pool.place(call_id, "any") as place:
            try:
                pool.run(place, job("sleep_forever", timeout_ms=20_000), refuse, started.set)
            except WorkerError as error:
                ended.append(error)

    started = threading.Event()
    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(10)
    assert pool.cancel(call_id)
    thread.join(timeout=5)
    assert [type(error) for error in ended] == [Cancelled]
    assert not pool.cancel(call_id), "it is here no more"
    assert output(pool, job("echo", b"next")) == b"next"


def test_a_waiting_call_can_be_cancelled(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()
    busy = in_background(pool, job("loop_forever", timeout_ms=1500))
    wait_until(lambda: not pool._idle and not pool._missing)
    call_id = uuid.uuid4()
    with pool.place(call_id, "other") as place:
        assert pool.cancel(call_id)
        with pytest.raises(Cancelled):
            pool.run(place, job("echo"), refuse)
    busy[0].join()
    assert output(pool, job("echo", b"next")) == b"next"


def test_an_instance_that_is_ready_serves_one_call_only(make_pool: Callable[..., Pool]) -> None:
    """Made in advance or not: memory and globals are fresh for each call."""
    pool = make_pool()
    assert {output(pool, job("counter")) for _ in range(6)} == {b"1"}


def test_an_instance_made_in_advance_has_the_settings_of_its_own_call(
    make_pool: Callable[..., Pool],
) -> None:
    pool = make_pool()
    for value in ("a", "a", "a", "b", "b", "b", "a"):
        asked = replace(job("config_dump", b'["colour"]'), config=json.dumps({"colour": value}).encode())
        assert json.loads(output(pool, asked)) == {"colour": value}


def test_a_worker_kept_busy_after_its_call_is_replaced_and_not_waited_for(
    make_pool: Callable[..., Pool],
) -> None:
    """Another plugin is to have nothing of it. The same one waits for itself, in its own time."""
    pool = make_pool()
    output(pool, job("echo"))
    (worker,) = pool._idle
    assert worker.settle("another module")
    output(pool, job("echo"))
    os.kill(worker.pid, signal.SIGSTOP)  # as if it was still tidying up
    assert worker.settle(job("echo").module)
    assert not worker.settle("another module")
    assert output(pool, replace(job("echo", b"next"), fuel=1_000_000)) == b"next"
    assert worker.pid not in pool.pids()


def test_a_call_that_comes_while_the_one_before_is_tidied_up_waits_for_its_own_plugin_only(
    make_pool: Callable[..., Pool],
) -> None:
    pool = make_pool()
    for number in range(50):  # without a pause between them: most come while it still tidies up
        assert output(pool, job("echo", b"%d" % number)) == b"%d" % number
    (worker,) = pool._idle
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(TimedOut):
        output(pool, job("echo", timeout_ms=300))
    assert worker.pid not in pool.pids()


def test_a_timed_out_worker_is_gone_and_replaced(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    (pid,) = pool.pids()
    started = time.monotonic()
    with pytest.raises(TimedOut):
        run(pool, job("sleep_forever", timeout_ms=300), refuse)
    assert 0.3 <= time.monotonic() - started < 5  # its own limit, neither none nor another one
    assert not Path(f"/proc/{pid}").exists()
    assert output(pool, job("echo", b"next")) == b"next"


def test_time_spent_in_the_host_counts(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()

    def slow(request: HostRequest, deadline: float) -> HostReply:
        time.sleep(0.6)
        return HostReply(request.call_id, 200, {}, b"late")

    with pytest.raises(TimedOut):
        run(pool, job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL, timeout_ms=300), slow)
    assert output(pool, job("echo", b"next")) == b"next"


def test_a_call_that_is_broken_off_leaves_no_worker_in_the_middle(make_pool: Callable[..., Pool]) -> None:
    """Whatever ends the conversation early, the next caller must not get the last one's answer."""
    pool = make_pool()

    def interrupted(request: HostRequest, deadline: float) -> HostReply:
        raise KeyboardInterrupt

    fetch = job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL)
    with pytest.raises(KeyboardInterrupt):
        run(pool, fetch, interrupted)
    assert output(pool, job("echo", b"mine")) == b"mine"


def test_an_answer_that_belongs_to_another_call_is_not_taken(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()

    def forged(request: HostRequest, deadline: float) -> HostReply:
        return HostReply(request.call_id + 1, 200, {}, b"somebody else's")

    with pytest.raises(Crashed):
        run(pool, job("fetch", b'{"url":"http://x"}', wasm=HOSTCALL), forged)
    assert output(pool, job("echo", b"mine")) == b"mine"


@pytest.mark.parametrize(
    "frame",
    [
        Result(99, b"somebody else's", 0, 0),
        HostRequest(99, "GET", "http://x", {}, b""),
        Ready("again", {}),
        HostReply(1, 200, {}, b"not a worker's frame"),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_worker_that_breaks_the_protocol_is_killed(tmp_path: Path, frame: Frame) -> None:
    (tmp_path / "cache.toml").write_text("")
    worker = WorkerProcess.start(memory_bytes=512 << 20, cache_config=tmp_path / "cache.toml")
    ours, theirs = socket.socketpair()
    real, worker.channel = worker.channel.sock, Channel(ours)
    with real, theirs:
        worker.modules[job("echo").module] = None
        Channel(theirs).send(Ready("1", {}))
        Channel(theirs).send(frame)
        with pytest.raises(Crashed):
            worker.call(job("echo"), refuse)
    assert not worker.usable


def test_closing_ends_every_worker_also_busy_ones(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(size=2)
    output(pool, job("echo"))
    busy = threading.Thread(target=fail, args=(pool, job("loop_forever")))
    busy.start()
    wait_until(lambda: not pool._missing and len(pool._idle) == 1)
    pids = pool.pids()
    assert len(pids) == 2
    pool.close()
    busy.join()
    assert processes_gone(pids, 5)
    with pytest.raises(Overloaded):
        run(pool, job("echo"), refuse)


def test_a_worker_inherits_nothing_of_the_servers(
    make_pool: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_KEY", "very secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    # Told by the worker itself, before it closes what it inherited and even its server can no longer look.
    tell = (
        "import json, os; from pathlib import Path; links = Path('/proc/self/fd').iterdir(); "
        "opened = [os.readlink(link) for link in list(links) if link.exists()]; "
        f"Path({str(tmp_path / 'told')!r}).write_text(json.dumps([dict(os.environ), opened])); "
    )
    monkeypatch.setattr(process, "_BOOT", tell + process._BOOT)
    with Path("/etc/hostname").open():
        pool = make_pool()
        output(pool, job("echo"))
        (pid,) = pool.pids()
    environment, opened = json.loads((tmp_path / "told").read_text())
    assert set(environment) == {"RUST_BACKTRACE", "LANG"}
    assert os.getsid(pid) == pid
    assert "/etc/hostname" not in opened
    assert len([name for name in opened if name.startswith("socket:")]) == 1


def test_a_module_that_does_not_compile_is_told_and_the_worker_kept(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool()
    output(pool, job("echo"))
    pids = pool.pids()
    broken = replace(job("echo"), sha256="broken", wasm=lambda: b"\0asm\x01\0\0\0\x01\xff")
    with pytest.raises(InvalidModule):
        run(pool, broken, refuse)
    assert output(pool, job("echo", b"next")) == b"next"
    assert pool.pids() == pids


PARENT = """
import sys; sys.path.insert(0, sys.argv[1])
import threading, time
from pathlib import Path
from plugins.runtime.pool import Pool
from tests.runtime import refuse, run
cache = Path(sys.argv[2])
pool = Pool(size=2, queue=4, queue_timeout_ms=5000, guest_memory_bytes=64 << 20, cache_dir=cache)
for _ in range(pool.size):  # or the next one would still compile when its parent dies, and notice by itself
    run(pool, job("echo"), refuse)
endless = job("loop_forever", timeout_ms=60000)
threading.Thread(target=run, args=(pool, endless, refuse), daemon=True).start()
time.sleep(0.3)
print(*pool.pids(), flush=True)
time.sleep(60)
"""


def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(ROOT), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    assert processes_gone(pids, 5)


def test_killing_a_worker_twice_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "cache.toml").write_text("")
    worker = WorkerProcess.start(memory_bytes=512 << 20, cache_config=tmp_path / "cache.toml")
    worker.kill()
    worker.kill()
    assert not worker.usable


def test_the_census_tells_who_works_waits_was_replaced_and_was_refused(
    make_pool: Callable[..., Pool],
) -> None:
    pool = make_pool(queue=1)
    run(pool, job("echo"), refuse)
    pool.queue_timeout_ms = 100
    assert pool.census() == (0, 1, 0, 0, 0, 0, 0)
    with pool.place(uuid.uuid4(), "a"):
        with pool.place(uuid.uuid4(), "b") as second:
            found = pool.census()
            assert (found.busy, found.idle, found.waiting) == (1, 0, 1)
            with pytest.raises(Overloaded), pool.place(uuid.uuid4(), "c"):
                pass
            with pytest.raises(Overloaded):
                pool.run(second, job("echo"), refuse)
        pool.note_refused()
    found = pool.census()
    assert (found.queue_full, found.waited_too_long, found.replaced) == (2, 1, 0)
    fail(pool, job("sleep_forever", timeout_ms=200))
    assert pool.census().replaced == 1
