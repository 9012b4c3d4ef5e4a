"""The fixtures themselves: their .wasm matches their source, and the README lists them all."""

import re
import subprocess
import sys

import pytest

from plugins.bundles.bundle import read_folder
from tests.conftest import ROOT
from tests.plugins.runtime.test_hostile import REFUSED
from tests.plugins.unchecked import FIXTURES

NAMES = {path.parent.name for path in FIXTURES.glob("*/plugin.json")}


def test_committed_modules_match_their_wat_source() -> None:
    """`make check-plugins`, which needs a compiler, compares those in Rust."""
    names = sorted(path.stem for path in FIXTURES.glob("*/*.wat"))
    result = subprocess.run(
        [sys.executable, "wasm-plugins/build.py", "--check", *names],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [f"{name}: builds to the committed bytes" for name in names]


@pytest.mark.parametrize("name", sorted(NAMES - set(REFUSED)))
def test_fixture_that_is_hostile_only_at_run_time_can_be_installed(name: str) -> None:
    assert read_folder(FIXTURES / name).manifest.name == name.replace("_", "-")


def test_readme_names_the_source_of_each_fixture() -> None:
    named = re.findall(r"`([\w/]+\.(?:rs|wat))`", (FIXTURES / "README.md").read_text())
    assert [path for path in named if not (FIXTURES / path).exists()] == []
    assert {path.partition("/")[0] for path in named} == NAMES
