"""The order of versions and which texts are versions."""

import random

import pytest

from core.operations import PERMISSIONS
from plugins.bundles.manifest import InvalidManifest, parse_manifest
from plugins.bundles.versions import is_prerelease, precedence
from tests.plugins.bundles import samples

EVERY = frozenset(PERMISSIONS)
# From semver.org, items 9 to 11, and the edges between them.
IN_ORDER = [
    "0.0.1", "0.9.9", "1.0.0-0", "1.0.0-2", "1.0.0-11", "1.0.0--", "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1-rc.1+b",
    "1.0.1", "1.2.0", "1.10.0", "2.0.0", "10.0.0",
]  # fmt: skip


def test_versions_sort_by_precedence() -> None:
    mixed = random.Random(1).sample(IN_ORDER, len(IN_ORDER))
    assert sorted(mixed, key=precedence) == IN_ORDER


def test_build_does_not_count() -> None:
    assert precedence("1.0.0+1") == precedence("1.0.0+2.b-c") == precedence("1.0.0")
    assert not is_prerelease("1.0.0+with-hyphen")
    assert is_prerelease("1.0.0-rc.1+5")


@pytest.mark.parametrize("version", [*IN_ORDER, "1.0.0+build", "1.0.0-rc.1+001.-", "1.0.0-0a.1"])
def test_semantic_versions_are_accepted(version: str) -> None:
    assert parse_manifest(samples.manifest(version=version), operations=EVERY).version == version


@pytest.mark.parametrize(
    "version",
    [
        "1",
        "1.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0-a..b",
        "1.0.0+",
        "1.0.0+a+b",
        "1.0.0 ",
        "1.0.0\n",
    ],
)
def test_other_versions_are_refused_in_words(version: str) -> None:
    with pytest.raises(InvalidManifest, match="must be a semantic version: three numbers") as refusal:
        parse_manifest(samples.manifest(version=version), operations=EVERY)
    assert "[0-9" not in str(refusal.value)
