"""`manage.py`: operators see what was done, or one line on what went wrong, and never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from plugins.models import Plugin
from tests.conftest import ROOT
from tests.server import clean_environment


def manage(data: Path, shell_tail: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = " ".join([sys.executable, "manage.py", *arguments]) + shell_tail
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT, env=clean_environment() | {"DATA_DIR": str(data)},
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [["list"], ["activate", "a", "1.0.0"], ["enable", "a"]])
def test_missing_database_is_explained(tmp_path: Path, arguments: list[str]) -> None:
    done = manage(tmp_path / "data", "", "plugin", *arguments)
    assert done.returncode == 1
    assert "run manage.py migrate first" in done.stderr
    assert "Traceback" not in done.stderr


def test_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    done = manage(tmp_path / "data", " | true", "plugin", "check", "wasm-plugins/auth")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("enable", "no-such-plugin"),
        ("grant", "template", "no_such_operation"),
        ("revoke", "template", "kv_get"),
        ("activate", "template", "no such version"),
        ("check", "/no/such/folder"),
    ],
)
def test_wrong_name_is_explained(bundled: dict[str, Plugin], arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("plugin", *arguments)


def test_openapi_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("openapi", str(tmp_path / "none"))


def test_commands_say_what_they_did(bundled: dict[str, Plugin], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["disable", "template"], "Disabled template."),
        (["enable", "template"], "Enabled template."),
        (["grant", "auth", "read_password_hash", "db_create_user"],
         "Granted: read_password_hash.\nAlready held: db_create_user."),
        (["revoke", "auth", "read_password_hash"], "Revoked: read_password_hash."),
    ):  # fmt: skip
        call_command("plugin", *arguments)
        assert capsys.readouterr().out == words + "\n"
