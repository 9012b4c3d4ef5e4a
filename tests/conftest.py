"""Fixtures for all tests: users, a REST client, plugins, a server. Workers and .wasm are the real ones.

alice    an ordinary user
bob      another user, who must not see what belongs to alice
charlie  an administrator
"""

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management.commands import flush
from django.db import DatabaseError, OperationalError, connection, connections
from django.db.models import QuerySet
from django.test import Client
from msgspec.structs import replace

from accounts import sessions, users
from accounts.models import User
from accounts.passwords import to_phc
from core.models import EventBatch
from plugins.bundles.bundle import Bundle, read_folder
from plugins.executions import breaker
from plugins.history.journal import Journal, get_journal, set_journal
from plugins.models import Execution, HostCall, Plugin
from plugins.registry import catalogue, consent, installation
from plugins.runtime import trial
from plugins.runtime.current_engine import shut_down_engine
from plugins.runtime.job import Job
from tests.server import PASSWORD, SHARED_FOLDER, Server

ROOT = Path(__file__).resolve().parent.parent
# The marker of every test in a folder or module below tests/. pyproject.toml describes the markers.
MARKERS = {
    "config/test_http.py": "server",
    "config/test_http_connection.py": "server",
    "config/test_serve.py": "server",
    "core/test_feed_over_websocket.py": "server",
    "e2e": "browser",
    "plugins/api/test_websocket.py": "server",
    "plugins/executions/test_call_endpoint.py": "server",
    "plugins/executions/test_disconnects.py": "server",
    "plugins/history/test_server_processes.py": "server",
    "plugins/runtime/test_hostile_server.py": "server",
    "soak": "soak",
    "test_conformance.py": "conformance",
    "test_postgresql.py": "postgresql",
    "test_several_processes.py": "server",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", action="store_true", help="save screenshots of the pages in artifacts/screenshots/"
    )


def pytest_configure(config: pytest.Config) -> None:
    if SHARED_FOLDER not in os.environ:
        folder = os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="hostbridge-shared-")
        config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        path = item.path.relative_to(ROOT / "tests")
        for part in (path, *path.parents):
            if marker := MARKERS.get(part.as_posix()):
                item.add_marker(marker)
    yield
    # The longest test runs first. If it ran last, the other processes would wait for it with nothing to do.
    items.sort(key=lambda item: item.get_closest_marker("postgresql") is None)


@pytest.fixture(scope="session", autouse=True)
def _no_threads_of_its_own() -> Iterator[None]:
    """No worker outlives the tests."""
    yield
    shut_down_engine()


@pytest.fixture(scope="session", autouse=True)
def _cache_repeated_work() -> Iterator[None]:
    """Does expensive work that hundreds of tests repeat with the same result only once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "try_out", once_each(trial.try_out))
        patch.setattr(installation, "read_folder", read_folder_of_ours)
        # Django would delete and recreate permissions and content types after each test that commits.
        patch.setattr(flush, "sql_flush", sql_flush_except_constant_tables)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_: None)
        # Each httpx client would load all root certificates, although it only talks http:// to this machine.
        patch.setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))
        yield


def once_each(real: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A trial that skips jobs that passed it before with the same options."""
    passed = set()

    async def try_out(job: Job, **options: Any) -> None:
        asked = repr((replace(job, wasm=bytes), sha256(job.wasm()).digest(), options))
        if asked not in passed:
            await real(job, **options)
            passed.add(asked)

    return try_out


_read_once = cache(read_folder)


def read_folder_of_ours(folder: Path) -> Bundle:
    return (_read_once if folder.is_relative_to(ROOT) else read_folder)(folder)


def sql_flush_except_constant_tables(style: Any, connection: Any, **options: Any) -> list[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = set(tables) - {"auth_permission", "django_content_type"}
    statements: list[str] = connection.ops.sql_flush(style, sorted(emptied), **options)
    return statements


@pytest.fixture(autouse=True)
def journal() -> Journal:
    """Each test has its own journal and breakers. Only `flush` writes: a thread would write at any moment."""
    journal = Journal(background=False)
    set_journal(journal)
    breaker.reset()
    return journal


@cache
def password_hash() -> str:
    """The hash of PASSWORD, computed once because hashing is slow on purpose."""
    return to_phc(make_password(PASSWORD))


@pytest.fixture
def alice(db: None) -> User:
    return users.create_user(email="alice@example.com", name="Alice", password_hash=password_hash())


@pytest.fixture
def bob(db: None) -> User:
    return users.create_user(email="bob@example.com", name="Bob", password_hash=password_hash())


@pytest.fixture
def charlie(db: None) -> User:
    return users.create_user(
        email="charlie@example.com",
        name="Charlie",
        password_hash=password_hash(),
        is_staff=True,
        is_superuser=True,
    )


class API:
    """A REST client that sends and receives JSON, logged in as `user` or anonymous."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if user is not None:
            _session, token = sessions.create_session(user.pk, 3600)
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, path: str, data: Any = None, **options: Any) -> Any:
        body = data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()
        options.setdefault("content_type", "application/json")
        headers = self.headers | options.pop("headers", {})
        return self.client.generic(method, path, body, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.request("GET", path, **options)

    def post(self, path: str, data: Any = None, **options: Any) -> Any:
        return self.request("POST", path, data, **options)


@pytest.fixture
def api() -> Callable[[User | None], API]:
    return API


@pytest.fixture
def bundled(transactional_db: None) -> dict[str, Plugin]:
    """The bundled plugins, installed and granted as `make run` does it.

    Needs real commits, because plugins refuse to run inside a transaction.
    """
    return {release.plugin.slug: release.plugin for release in installation.install_bundled()}


@pytest.fixture
def install(transactional_db: None) -> Callable[..., Plugin]:
    """Installs a plugin from wasm-plugins/fixtures and grants it exactly these permissions."""

    def install(name: str, *permissions: str) -> Plugin:
        release = installation.install(read_folder_of_ours(ROOT / "wasm-plugins" / "fixtures" / name))
        consent.activate(release, permissions)
        return catalogue.get_plugin(release.plugin.slug)

    return install


def host_calls() -> QuerySet[HostCall]:
    """The audit log, everything recorded until now included."""
    get_journal().flush()
    return HostCall.objects.all()


def history() -> QuerySet[Execution]:
    """The history, everything that happened until now included."""
    get_journal().flush()
    return Execution.objects.all()


Listen = Callable[[str], AbstractContextManager[list[dict[str, Any]]]]


@pytest.fixture
def listen(db: None) -> Listen:
    """`with listen(group) as events:` fills `events` at the end of the block with what the group got."""

    @contextmanager
    def listen(group: str) -> Iterator[list[dict[str, Any]]]:
        before = set(EventBatch.objects.values_list("pk", flat=True))
        heard: list[dict[str, Any]] = []
        yield heard
        get_journal().flush()
        for batch in EventBatch.objects.exclude(pk__in=before).order_by("pk"):
            heard += [event for event in batch.decode() if group in event["to"]]

    return listen


@contextmanager
def failing_database(error: type[DatabaseError] = OperationalError) -> Iterator[None]:
    """Every query of this thread fails."""

    def fail(*_: Any) -> None:
        raise error("no database")

    with connection.execute_wrapper(fail):
        yield


def at_once(times: int, work: Callable[[], Any]) -> list[Any]:
    """Starts `work` in `times` threads at the same moment; returns their results, exceptions included."""
    gate = threading.Barrier(times)

    def one(_: int) -> Any:
        connection.ensure_connection()  # connecting takes longer than the race that the test provokes
        gate.wait()
        try:
            return work()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Checks that the response is this problem, well-formed (RFC 9457), and returns its body."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:hostbridge:problem:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server, shared by all tests that do not stop or configure one. owner@example.com owns it."""
    server = Server.start(tmp_path_factory.mktemp("server") / "data")
    server.make_owner()
    yield server
    server.stop()
