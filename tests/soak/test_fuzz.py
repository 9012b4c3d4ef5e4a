"""A few damaged modules through the gate and the trial, so that `make fuzz` works when it is wanted."""

from pathlib import Path

from tests.soak.fuzz import fuzz


def test_a_hundred_damaged_modules_end_as_declared(tmp_path: Path) -> None:
    fates = fuzz(100, seed=2, folder=tmp_path, say=print)
    assert fates.broken == []
    assert fates.counts.total() == 100
    assert fates.counts["refused by the gate"] < 100, "none of them came to its trial"
    assert list(tmp_path.iterdir()) == [], "the caches of trials are left over"
