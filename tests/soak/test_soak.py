"""Soaks for a short time, so that `make soak` keeps working, and checks that verdicts see violations."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.soak.actions import MIX
from tests.soak.course import Findings, Plan, Record, run
from tests.soak.promises import PROMISES, judge
from tests.soak.tally import Outcome, Tally
from tests.soak.watch import Sample


def test_a_short_soak_keeps_all_promises_except_memory(tmp_path: Path) -> None:
    plan = Plan(warm_up_seconds=8, soak_seconds=12, workers=settings.PLUGIN_WORKERS, clients=16)
    findings = run(plan, tmp_path, print)
    for promise in PROMISES:
        verdict = promise(findings)
        assert not verdict.broken, str(verdict)


def sample(rss_mb: float = 100.0, workers: int = 2, **descriptors: int) -> Sample:
    return Sample(time.monotonic(), rss_mb, 80.0, 10, Counter(descriptors), frozenset(range(workers)))


def good() -> Findings:
    tally = Tally()
    for kind in MIX:
        tally.count(kind.__name__, "right")
    tally.expect_end("expected", {"succeeded"})
    return Findings(
        Plan(1, 1, workers=2), tally, sample(socket=5, database=21), [sample()] * 10, 1.1,
        sample(socket=5, database=21), {"expected": Record("echo", "succeeded", False)}, True, [],
        "WARNING slow",
    )  # fmt: skip


def with_record(plugin: str, state: str, left_behind: bool) -> dict[str, Any]:
    return {"records": good().records | {"another": Record(plugin, state, left_behind)}}


@pytest.mark.parametrize(
    ("found", "broken"),
    [
        ({}, None),
        (with_record("echo", "timed_out", True), None),
        (with_record("auth", "failed", False), None),
        ({"rested": sample(socket=4, database=21)}, None),
        ({"samples": [sample(100)] * 5 + [sample(104)] * 5}, None),
        (
            {"log": "2026-11-22 16:00:00,000 ERROR django.request: Service Unavailable: /api/v1/auth/login"},
            None,
        ),
        ({"tally": Tally()}, "Everything was tried"),
        (with_record("echo", "running", True), "Every execution has ended"),
        (with_record("echo", "succeeded", False), "Each call is recorded"),
        ({"records": {}}, "Each call is recorded"),
        ({"records": {"expected": Record("echo", "failed", False)}}, "Each call is recorded"),
        ({"rested": sample(workers=3)}, "No worker"),
        ({"rested": sample(workers=1)}, "No worker"),
        ({"outliving": [1]}, "No worker"),
        ({"rested": sample(socket=6)}, "No descriptor"),
        ({"rested": sample(database=22)}, "No descriptor"),
        ({"alive": False}, "The web process is alive"),
        ({"log": "Traceback (most recent call last):"}, "The server's log"),
        ({"log": "2026-11-22 16:00:00,000 ERROR hostbridge.journal: full"}, "The server's log"),
        ({"samples": [sample(100)] * 5 + [sample(106)] * 5}, "The web process does not grow"),
    ],
)
def test_each_broken_promise_is_reported(found: dict[str, Any], broken: str | None) -> None:
    findings = replace(good(), **found)
    if "tally" in found:
        findings = replace(findings, records={})
    verdicts = [verdict.promise for verdict in judge(findings) if verdict.broken]
    assert len(verdicts) == (broken is not None), verdicts
    assert all(verdict.startswith(str(broken)) for verdict in verdicts)


@pytest.mark.parametrize(
    ("outcome", "pause", "broken"),
    [
        ("wrong", 1.1, True),
        ("lost", 1.1, True),
        ("wrong", 25.0, True),
        ("lost", 25.0, False),
        ("busy", 1.1, False),
    ],
)
def test_wrong_or_lost_answers_are_reported_with_details(
    outcome: Outcome, pause: float, broken: bool
) -> None:
    """Except connections that end while the whole machine stands still."""
    findings = replace(good(), longest_pause=pause)
    findings.tally.count("greet", outcome, "Hello, somebody else!")
    reasons = [line for verdict in judge(findings) for line in verdict.broken]
    assert reasons == (["greet: Hello, somebody else!"] if broken else [])
