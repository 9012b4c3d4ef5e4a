"""A short soak, so that `make soak` works when it is wanted: all of its promises but that on memory."""

from pathlib import Path

from django.conf import settings

from tests.soak.course import Plan, run
from tests.soak.promises import PROMISES


def test_a_short_soak_keeps_its_promises(tmp_path: Path) -> None:
    plan = Plan(warm_up_seconds=8, soak_seconds=12, workers=settings.PLUGIN_WORKERS)
    findings = run(plan, tmp_path, print)
    for judge in PROMISES:
        verdict = judge(findings)
        assert not verdict.broken, str(verdict)
