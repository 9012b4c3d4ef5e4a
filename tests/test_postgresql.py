"""Runs the tests for which the database matters on PostgreSQL, too. All others run on SQLite only."""

import subprocess
import sys

from tests.backing import postgresql
from tests.server import ROOT, clean_environment

MODULES = [
    "tests/core/test_access_version.py",
    "tests/core/test_feed.py",
    "tests/accounts/test_api_tokens.py",
    "tests/accounts/test_models.py",
    "tests/accounts/test_owner_setup.py",
    "tests/accounts/test_rate_limits.py",
    "tests/accounts/test_sessions.py",
    "tests/accounts/test_single_use_tokens.py",
    "tests/accounts/test_users.py",
    "tests/plugins/executions/test_browser_runs.py",
    "tests/plugins/history/test_batch_write.py",
    "tests/plugins/history/test_journal.py",
    "tests/plugins/host/test_kv.py",
    "tests/plugins/host/test_messages.py",
    "tests/plugins/host/test_transports.py",
    "tests/plugins/api/test_executions.py",
    "tests/plugins/registry/test_consent.py",
    "tests/plugins/api/test_auth_links.py",
    "tests/plugins/api/test_auth.py",
    "tests/test_conformance.py",
]


def test_database_tests_pass_on_postgresql() -> None:
    with postgresql() as url:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--create-db", *MODULES],
            cwd=ROOT, env=clean_environment() | {"DATABASE_URL": url},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert "skipped" not in done.stdout
