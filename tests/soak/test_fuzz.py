"""Fuzzes with a few damaged modules, so that `make fuzz` keeps working."""

from pathlib import Path

from tests.soak.fuzz import fuzz


def test_a_hundred_damaged_modules_pass_or_raise_declared_errors(tmp_path: Path) -> None:
    fates = fuzz(100, seed=2, folder=tmp_path, say=print)
    assert fates.broken == []
    assert fates.counts.total() == 100
    assert fates.counts["refused by the gate"] < 100, "no module reached its trial"
    assert list(tmp_path.iterdir()) == [], "the trials' caches are left"
