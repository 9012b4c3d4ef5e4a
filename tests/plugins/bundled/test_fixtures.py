"""The fixtures themselves: built from the source beside them, and each described."""

import re
import subprocess
import sys

import pytest

from plugins.bundles.bundle import read_folder
from tests.conftest import ROOT
from tests.plugins.runtime.test_hostile import REFUSED
from tests.plugins.unchecked import FIXTURES

NAMES = {path.parent.name for path in FIXTURES.glob("*/plugin.json")}


def test_the_committed_modules_are_what_their_wat_assembles_to() -> None:
    """Those in Rust are compared by `make check-plugins`, which needs a compiler."""
    names = sorted(path.stem for path in FIXTURES.glob("*/*.wat"))
    done = subprocess.run(
        [sys.executable, "wasm-plugins/build.py", "--check", *names],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name}: builds to the committed bytes" for name in names]


@pytest.mark.parametrize("name", sorted(NAMES - set(REFUSED)))
def test_what_is_hostile_only_when_it_runs_can_be_installed(name: str) -> None:
    assert read_folder(FIXTURES / name).manifest.name == name.replace("_", "-")


def test_the_readme_names_the_source_of_each_fixture() -> None:
    named = re.findall(r"`([\w/]+\.(?:rs|wat))`", (FIXTURES / "README.md").read_text())
    assert [path for path in named if not (FIXTURES / path).exists()] == []
    assert {path.partition("/")[0] for path in named} == NAMES
