"""On PostgreSQL all is as on SQLite: the tests in which the database matters, once more."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.backing import postgresql
from tests.server import ROOT, clean_environment

MATTERS = [
    "tests/accounts/test_attempts.py",
    "tests/accounts/test_feed.py",
    "tests/accounts/test_models.py",
    "tests/accounts/test_services.py",
    "tests/accounts/test_setup.py",
    "tests/plugins/test_journal.py",
    "tests/plugins/test_kv.py",
    "tests/plugins/test_messages.py",
    "tests/plugins/test_transports.py",
    "tests/plugins/test_executions_api.py",
    "tests/plugins/test_consent.py",
    "tests/plugins/test_auth_plugin.py",
    "tests/test_conformance.py",
]


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.mark.parametrize("path", MATTERS)
def test_the_same_tests_pass_on_postgresql(database_url: str, path: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--create-db", path],
        cwd=ROOT, env=clean_environment() | {"DATABASE_URL": database_url},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert "skipped" not in done.stdout
