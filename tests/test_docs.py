"""Checks that the documentation names everything in the code, and nothing else."""

import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import accounts
import core
import plugins
from core.operations import PERMISSIONS
from core.problems import TYPE_PREFIX, Problem
from tests.server import ROOT


def headings(name: str, level: str) -> set[str]:
    return set(re.findall(rf"^{level} `(\w+)`$", (ROOT / "docs" / name).read_text(), re.MULTILINE))


def test_every_permission_has_a_heading() -> None:
    assert headings("host-api.md", "##") == set(PERMISSIONS)


def test_every_setting_has_a_heading() -> None:
    source = (ROOT / "config" / "settings.py").read_text()
    read = set(re.findall(r'env(?:_int|_bool|_list|_secret)?\("([A-Z_]+)"', source))
    read |= {f"{name}_FILE" for name in re.findall(r'env_secret\("([A-Z_]+)"', source)}
    assert headings("configuration.md", "###") == read


def test_every_manifest_member_has_a_heading() -> None:
    schema = json.loads((ROOT / "plugins" / "bundles" / "plugin.schema.json").read_text())
    assert headings("manifest.md", "##") == set(schema["properties"]) - {"$schema"}


def load_every_module() -> None:
    """Imports all modules, so that all subclasses of Problem exist. The worker is a separate program."""
    for package in (core, accounts, plugins):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not re.match(r"plugins\.runtime\.(worker|guest|confine)", module.name):
                importlib.import_module(module.name)


def subclasses(kind: type[Problem]) -> set[type[Problem]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def test_every_problem_is_documented() -> None:
    text = (ROOT / "docs" / "rest-api.md").read_text()
    load_every_module()
    codes = {kind.code for kind in subclasses(Problem)} - {Problem.code}
    assert {code for code in codes if f"`{code}`" not in text} == set()
    assert TYPE_PREFIX in text


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name
)
def test_relative_links_lead_to_files(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_image_is_used_and_small() -> None:
    texts = "".join(path.read_text() for path in (ROOT / "README.md", ROOT / "docs" / "tour.md"))
    named = set(re.findall(r"images/([\w-]+\.png)", texts))
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").iterdir()}
    assert named == set(sizes)
    assert max(sizes.values()) < 200_000


def test_the_readme_is_short_and_shows_code_early() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 150
    assert any(line.startswith("```") for line in lines[:25])
