"""What an escaped guest could still do in a confined worker: nothing that it would want to.

Each attempt is made without any layer, where it must succeed for a refusal to mean something; under all
layers; and under each layer alone that should stop it. As root and as another user.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from django.test import Client
from msgspec.structs import replace

from plugins.runtime import confine, worker_process
from plugins.runtime.cache_warmer import CacheWarmer
from plugins.runtime.compile_cache import blocking_folder, write_cache_config
from plugins.runtime.current_engine import get_pool
from plugins.runtime.engine import PrivateEngine
from plugins.runtime.job import Crashed
from plugins.runtime.protocol import Result
from plugins.runtime.sandbox_status import MISSING, holds, missing
from plugins.runtime.worker_process import WorkerOptions
from tests.plugins.runtime.confine_attempts import ATTEMPTS
from tests.plugins.runtime.test_pool import FAULTS, HOSTCALL, fail, job, output
from tests.runtime import RunningPool, RunningWorker
from tests.server import ROOT

ATTEMPTS_SCRIPT = ROOT / "tests" / "plugins" / "runtime" / "confine_attempts.py"
AM_ROOT = os.geteuid() == 0
NOBODY = 65534 if AM_ROOT else os.geteuid()
USERS = {"root": 0, "user": NOBODY} if AM_ROOT else {"user": NOBODY}

# Each of these sets of layers stops the attempt alone, whichever user starts the server.
STOPPED_BY: dict[str, list[set[str]]] = {
    "read_a_file": [{"files"}, {"landlock"}],
    "write_a_file": [{"files"}, {"landlock"}, {"seccomp"}],
    "create_an_empty_file": [{"files"}, {"landlock"}, {"seccomp"}],
    "delete_a_file": [{"files"}, {"landlock"}, {"seccomp"}],
    "write_the_compile_cache": [{"files"}, {"landlock"}, {"seccomp"}],
    "read_the_parents_environment": [{"files"}, {"landlock"}],
    "read_the_parents_memory": [{"files"}, {"landlock"}],
    "write_its_own_memory": [{"files"}, {"landlock"}, {"seccomp"}],
    "use_an_inherited_descriptor": [{"descriptors"}],
    "connect_to_a_port": [{"network"}, {"landlock"}, {"seccomp"}],
    "listen_on_a_port": [{"landlock"}, {"seccomp"}],
    "send_a_datagram": [{"network"}, {"seccomp"}],
    "connect_to_a_unix_socket": [{"files"}, {"seccomp"}],
    "connect_to_an_abstract_socket": [{"network"}, {"landlock"}, {"seccomp"}],
    "fork": [{"seccomp"}],
    "run_a_program": [{"files"}, {"landlock"}, {"seccomp"}],
    "run_a_program_from_memory": [{"seccomp"}],
    "trace_the_parent": [{"landlock"}, {"seccomp"}],
    "signal_the_parent": [{"landlock"}, {"seccomp"}],
    "make_a_user_namespace": [{"seccomp"}],
    "gain_privileges_through_a_program": [{"no_new_privileges"}],
    "use_too_much_memory": [{"resources"}],
    "open_too_many_files": [{"resources"}],
}
# These do so too, depending on that user.
ALSO: dict[str, dict[str, list[set[str]]]] = {
    "root": {
        "write_the_compile_cache": [{"user"}],
        "read_the_parents_environment": [{"user"}],
        "read_the_parents_memory": [{"user"}],
        "trace_the_parent": [{"user"}],
        "signal_the_parent": [{"user"}],
        "become_root": [{"user"}, {"seccomp"}],
        "mount_something": [{"user"}, {"seccomp"}],
        "start_too_many_threads": [{"user", "processes"}],
    },
    "user": {
        "write_its_own_memory": [{"process"}],
        "start_too_many_threads": [{"network", "processes"}],
    },
}


def sufficient_layers(user: str, attempt: str) -> list[set[str]]:
    return STOPPED_BY.get(attempt, []) + ALSO[user].get(attempt, [])


CASES = [(user, attempt) for user in USERS for attempt in ATTEMPTS if sufficient_layers(user, attempt)]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A directory that every user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@dataclass(frozen=True)
class Found:
    """By user: the statuses of the layers on this system, and how each attempt ended with no layers, with
    each sufficient set of them, and with all of them (None).
    """

    layers: dict[str, dict[str, str]] = field(default_factory=dict)
    outcomes: dict[tuple[str, str, frozenset[str] | None], str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    found = Found()
    for user, uid in USERS.items():
        attempts: list[tuple[str, set[str] | None]] = []
        for attempt in (attempt for of, attempt in CASES if of == user):
            attempts += [(attempt, set()), (attempt, None)]
            attempts += [(attempt, layers) for layers in sufficient_layers(user, attempt)]
        here = folder / user
        here.mkdir()
        os.chown(here, uid, -1)
        ended = subprocess.run(
            [sys.executable, "-I", str(ATTEMPTS_SCRIPT), str(here), str(uid)],
            input=json.dumps(attempts, default=sorted),
            env={"SECRET_KEY": "very secret"}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        found.layers[user], outcomes = json.loads(ended.stdout)
        for (attempt, layers), outcome in zip(attempts, outcomes, strict=True):
            found.outcomes[user, attempt, None if layers is None else frozenset(layers)] = outcome
    return found


def stopped(outcome: str) -> bool:
    return outcome.startswith("refused: ") or outcome == "killed by SIGSYS"


@pytest.mark.parametrize(("user", "attempt"), CASES)
def test_attempt_succeeds_unconfined_and_fails_in_a_worker(found: Found, user: str, attempt: str) -> None:
    assert found.outcomes[user, attempt, frozenset()] == "done"
    assert stopped(found.outcomes[user, attempt, None])


@pytest.mark.parametrize(("user", "attempt"), CASES)
def test_each_sufficient_layer_stops_the_attempt_alone(found: Found, user: str, attempt: str) -> None:
    here = {layer for layer, status in found.layers[user].items() if status == "on"}
    sets = [layers for layers in sufficient_layers(user, attempt) if layers <= here]
    if not sets:
        pytest.skip(f"this system has none of {sufficient_layers(user, attempt)}")
    ended = {" and ".join(layers): found.outcomes[user, attempt, frozenset(layers)] for layers in sets}
    assert {layers: outcome for layers, outcome in ended.items() if not stopped(outcome)} == {}


def test_every_attempt_and_every_layer_is_tested() -> None:
    assert {attempt for table in (STOPPED_BY, *ALSO.values()) for attempt in table} == set(ATTEMPTS)
    tried = {
        layer for _user, attempt in CASES for each in sufficient_layers(_user, attempt) for layer in each
    }
    assert tried == set(MISSING)


def test_process_with_threads_is_not_confined() -> None:
    """Landlock and the new namespaces would not bind its other threads."""
    enough = threading.Event()
    thread = threading.Thread(target=enough.wait)
    thread.start()
    with pytest.raises(RuntimeError):
        confine.apply(confine.Confinement(0, 0, Path("/")), only=())
    enough.set()
    thread.join()


# --- Real workers -------------------------------------------------------------------------------------

BECOME_NOBODY = f"""
import os, plugins.runtime.worker
from plugins.runtime.confine import kernel
if os.geteuid() == 0:
    os.setgroups([]); os.setresgid({NOBODY}, {NOBODY}, {NOBODY}); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
"""
LOSE_A_LAYER = """
from plugins.runtime import confine
def refused(worker): raise OSError(38, "Function not implemented")
confine.LAYERS[{layer!r}] = refused
"""


def boot_with(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Workers run this code before they start, to imitate another system."""
    start, separator, rest = worker_process.BOOT.partition("sys.argv[1]); ")
    assert separator
    monkeypatch.setattr(worker_process, "BOOT", f"{start}{separator}exec({code!r}); {rest}")


Start = Callable[..., RunningWorker]


@pytest.fixture
def engine() -> Iterator[PrivateEngine]:
    engine = PrivateEngine(lambda: pytest.fail("no pool is needed"))
    yield engine
    engine.shut_down()


@pytest.fixture
def cache_folder(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        yield Path(name)


@pytest.fixture(params=USERS)
def start(
    request: pytest.FixtureRequest,
    engine: PrivateEngine,
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Start]:
    """Starts a worker of a server that runs as root, or as another user."""
    started: list[RunningWorker] = []
    config = write_cache_config(cache_folder)
    if request.param == "user":
        boot_with(monkeypatch, BECOME_NOBODY)
        for path in (cache_folder, config, cache_folder / "modules"):
            os.chown(path, NOBODY, -1)

    def start(*, cache_writable: bool = False) -> RunningWorker:
        options = WorkerOptions(88 << 20, config)
        started.append(RunningWorker(engine, options, cache_writable=cache_writable))
        return started[-1]

    yield start
    for worker in started:
        worker.end()


def cached(cache_folder: Path) -> dict[str, Path]:
    """The compiled modules in the cache, by name."""
    files = (cache_folder / "modules").rglob("wasmtime-*/*")
    return {path.name: path for path in files if "." not in path.name}


def test_worker_reports_every_layer_and_has_no_privileges_left(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot_with(monkeypatch, "import os\nif os.geteuid() == 0: os.setgroups([4])  # as a server may have some")
    worker = start()
    assert list(worker.layers) == list(MISSING)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines())
    assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"].strip(), status["Groups"].strip()) == ("1", "")
    assert "0" not in status["Uid"].split()
    assert os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid
    other = start()
    users = {Path(f"/proc/{each.pid}").stat().st_uid for each in (worker, other)}
    assert len(users) == 2 or status["Uid"].split() == [str(NOBODY)] * 4


def test_serving_worker_reads_the_cache_and_does_not_write_it(start: Start, cache_folder: Path) -> None:
    compiler = start(cache_writable=True)
    compiler.load(job("", wasm=FAULTS))
    of_faults = cached(cache_folder)
    compiler.load(job("", wasm=HOSTCALL))
    (of_hostcall,) = set(cached(cache_folder)) - set(of_faults)
    before = {name: path.read_bytes() for name, path in cached(cache_folder).items()}
    largest = max(of_faults.values(), key=lambda path: path.stat().st_size)
    # Swap the cached code of two modules: a worker that reads the cache gets the other module's code.
    cached(cache_folder)[of_hostcall].write_bytes(largest.read_bytes())
    worker = start()
    reply = worker.call(job("echo", b"from the cache", wasm=HOSTCALL)).reply
    assert isinstance(reply, Result)
    assert reply.output == b"from the cache"
    assert set(cached(cache_folder)) == set(before)


def test_serving_worker_leaves_an_empty_cache_empty(start: Start, cache_folder: Path) -> None:
    worker = start()
    reply = worker.call(job("echo", b"x")).reply
    assert isinstance(reply, Result)
    assert cached(cache_folder) == {}


def test_worker_that_writes_the_cache_runs_no_plugin(start: Start) -> None:
    with pytest.raises(Crashed):
        start(cache_writable=True).call(job("echo"))


def test_called_module_is_soon_in_the_cache(pool: Callable[[], RunningPool], tmp_path: Path) -> None:
    output(pool(), job("echo", b"1"))
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size > 100_000 for path in (tmp_path / "modules").rglob("wasmtime-*/*")):
        assert time.monotonic() < deadline, "the module was not cached"
        time.sleep(0.05)


def test_failure_to_cache_a_module_is_logged_and_the_next_one_is_cached(
    engine: PrivateEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    def last() -> bytes:
        done.set()
        return FAULTS.read_bytes()

    warmer = CacheWarmer(WorkerOptions(88 << 20, write_cache_config(tmp_path)))
    broken = replace(job(""), sha256="broken", wasm=lambda: b"not a module")
    lost = replace(job(""), sha256="lost", wasm=(tmp_path / "lost.wasm").read_bytes)
    for each in (broken, lost, replace(job(""), wasm=last)):
        engine.call(warmer.warm, each)
    assert done.wait(30)
    engine.run(lambda _: warmer.close())
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert all("not in the compile cache" in line for line in messages)
    assert "lost.wasm" in messages[1]


def test_module_is_cached_again_for_other_limits(engine: PrivateEngine, tmp_path: Path) -> None:
    warmer = CacheWarmer(WorkerOptions(88 << 20, write_cache_config(tmp_path)))
    compiled = [threading.Event(), threading.Event()]

    def load(done: threading.Event) -> bytes:
        done.set()
        return FAULTS.read_bytes()

    for fuel, done in enumerate(compiled):
        engine.call(warmer.warm, replace(job(""), fuel=fuel, wasm=partial(load, done)))
    assert all(done.wait(30) for done in compiled)
    engine.run(lambda _: warmer.close())


def test_folder_that_blocks_the_cache_under_root_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocking, cache = tmp_path / "blocking", tmp_path / "blocking" / "data" / "cache"
    cache.mkdir(parents=True)
    blocking.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert blocking_folder(cache) == blocking
    blocking.chmod(0o711)
    assert blocking_folder(cache) not in (blocking, blocking / "data", cache)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert blocking_folder(cache) is None


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Callable[[], RunningPool]]:
    pools: list[RunningPool] = []

    def make() -> RunningPool:
        pools.append(RunningPool(tmp_path, queue=4, queue_timeout_ms=20000))
        return pools[-1]

    yield make
    for each in pools:
        each.shut_down()


LIKE_A_CONTAINER = """
import ctypes, os, struct, plugins.runtime.worker
from plugins.runtime.confine import kernel
if os.geteuid() == 0:  # in a container, root lacks CAP_SYS_ADMIN
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    sets = ctypes.create_string_buffer(24)
    kernel.call("capget", header, sets)
    fewer = (each & ~(1 << 21) for each in struct.unpack("=6I", sets.raw))
    kernel.call("capset", header, ctypes.create_string_buffer(struct.pack("=6I", *fewer)))
else:  # a system on which users may not create user namespaces
    def refused(flags): raise PermissionError(1, "Operation not permitted")
    from plugins.runtime.confine import namespaces
    namespaces.unshare = refused
"""


def test_workers_run_without_namespaces_in_a_container(
    pool: Callable[[], RunningPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    boot_with(monkeypatch, LIKE_A_CONTAINER)
    started = pool()
    assert output(started, job("echo", b"still here")) == b"still here"
    lacking = missing(started.layers())
    assert {"network", "files"} <= set(lacking)
    assert lacking["network"].startswith("off: Operation not permitted")


@pytest.mark.parametrize("layer", MISSING)
def test_workers_run_without_a_layer_and_the_log_names_it(
    pool: Callable[[], RunningPool],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    found: Found,
    layer: str,
) -> None:
    boot_with(monkeypatch, LOSE_A_LAYER.format(layer=layer))
    started = pool()
    assert output(started, job("echo", b"still here")) == b"still here"
    layers = started.layers()
    assert layers[layer] == "off: Function not implemented"
    here = found.layers["root" if AM_ROOT else "user"]
    lost = {name for name in MISSING if holds(here[name]) and not holds(layers[name])}
    assert lost - {layer} <= {"processes"}  # which depends on an own user or namespace
    (record,) = [record for record in caplog.records if "without these sandbox layers" in record.getMessage()]
    assert f"{layer}: off: Function not implemented; {MISSING[layer]}" in record.getMessage()


def test_log_says_once_that_all_layers_are_on(
    pool: Callable[[], RunningPool], caplog: pytest.LogCaptureFixture, found: Found
) -> None:
    if lacking := missing(found.layers["root" if AM_ROOT else "user"]):
        pytest.skip(f"this system lacks {lacking}")
    caplog.set_level("INFO", "hostbridge.runtime")
    started = pool()
    assert output(started, job("echo", b"1")) == b"1"
    fail(started, job("forged_error"))  # which ends the worker
    assert output(started, job("echo", b"2")) == b"2"
    assert len([r for r in caplog.records if "with all sandbox layers" in r.getMessage()]) == 1
    assert missing(started.layers()) == {}


def test_readyz_reports_the_layers_and_is_not_ready_without_workers(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = get_pool().layers(timeout_seconds=30)
    assert client.get("/readyz").json() == {"status": "ok", "database": "ok", "sandbox": layers}
    monkeypatch.setattr(get_pool(), "layers", dict)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "ok", "sandbox": {}}
