"""A plugin that keeps failing is paused, with an event, and resumes by itself."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from core.events import EVERYONE_GROUP
from plugins.executions import breaker
from plugins.executions.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, WINDOW_SECONDS, Breaker
from plugins.history import journal
from plugins.models import Plugin
from tests.conftest import API, Listen, assert_problem


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def subject(clock: Clock) -> Breaker:
    return Breaker(fault_budget=3, slow_budget=5, clock=clock)


def note(subject: Breaker, *verdicts: breaker.Verdict) -> None:
    for verdict in verdicts:
        subject.note(verdict)


def test_working_plugin_is_not_paused(subject: Breaker) -> None:
    note(subject, *["good"] * 50)
    assert subject.seconds_left() == 0


def test_faults_and_slow_calls_have_separate_budgets(subject: Breaker) -> None:
    note(subject, "fault", "fault", "slow", "slow", "slow", "slow")
    assert not subject.reason
    note(subject, "slow")
    assert subject.reason == "5 of its last 7 calls used up their time limit"


def test_last_fault_of_the_budget_pauses_the_plugin(subject: Breaker) -> None:
    note(subject, "fault", "fault")
    assert subject.seconds_left() == 0
    assert subject.note("fault")
    assert subject.seconds_left() == pytest.approx(FIRST_PAUSE_SECONDS)


def test_faults_among_many_good_calls_do_not_pause_it(subject: Breaker) -> None:
    note(subject, *(["good"] * 4 + ["fault"] * 3))
    assert not subject.reason


def test_old_faults_do_not_pause_it(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault")
    clock.now += WINDOW_SECONDS
    note(subject, "fault")
    assert not subject.reason


def test_calls_that_did_not_run_are_not_counted(subject: Breaker) -> None:
    note(subject, *["none"] * 50)
    assert not subject.reason


def test_one_trial_call_runs_after_the_pause(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault", "fault")
    clock.now += FIRST_PAUSE_SECONDS
    assert subject.seconds_left() == 0
    assert subject.seconds_left() > 0, "a second call ran during the trial"
    assert subject.note("good")
    assert subject.seconds_left() == 0


def test_failed_trial_doubles_the_pause_up_to_a_limit(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault", "fault")
    pause = FIRST_PAUSE_SECONDS
    for _ in range(10):
        clock.now += pause
        assert subject.seconds_left() == 0
        assert not subject.note("fault")
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        assert subject.seconds_left() == pytest.approx(pause)


def test_trial_that_did_not_run_is_repeated(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault", "fault")
    clock.now += FIRST_PAUSE_SECONDS
    assert subject.seconds_left() == 0
    note(subject, "none")
    assert subject.seconds_left() == 0


def test_budget_of_zero_means_no_limit(clock: Clock) -> None:
    subject = Breaker(0, 0, clock)
    note(subject, *["fault"] * 100, *["slow"] * 100)
    assert subject.seconds_left() == 0


@pytest.fixture
def faults(install: Callable[..., Plugin]) -> Plugin:
    return install("faults")


def test_failing_plugin_is_paused_and_an_event_is_published(
    faults: Plugin, alice: User, charlie: User, settings: Any, listen: Listen
) -> None:
    settings.PLUGIN_FAULT_BUDGET = 2
    call = API(alice)
    with listen(EVERYONE_GROUP) as events:
        for _ in range(2):
            assert_problem(call.post("/api/v1/plugins/faults/call/trap"), 502, "plugin-trapped")
    (paused,) = [event for event in events if event["type"] == "plugin.paused"]
    assert paused["data"] == {"slug": "faults", "reason": "2 of its last 2 calls failed"}
    refused = call.post("/api/v1/plugins/faults/call/echo", b"x")
    assert_problem(refused, 503, "plugin-paused")
    assert 1 <= int(refused["Retry-After"]) <= FIRST_PAUSE_SECONDS + 1
    shown = API(charlie).get("/api/v1/plugins/faults").json()
    assert shown["paused"] == "2 of its last 2 calls failed"


def test_plugins_own_errors_are_not_faults(faults: Plugin, alice: User, settings: Any) -> None:
    settings.PLUGIN_FAULT_BUDGET = 1
    for _ in range(3):
        assert_problem(API(alice).post("/api/v1/plugins/faults/call/fail_text"), 422, "plugin-error")
    assert API(alice).post("/api/v1/plugins/faults/call/echo", b"x").content == b"x"


def test_plugin_resumes_after_a_successful_trial(
    faults: Plugin, alice: User, settings: Any, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PLUGIN_FAULT_BUDGET = 1
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SECONDS", 0)
    API(alice).post("/api/v1/plugins/faults/call/trap")
    assert breaker.paused("faults", faults.active.pk)
    journal.flush()
    with listen(EVERYONE_GROUP) as events:
        assert API(alice).post("/api/v1/plugins/faults/call/echo", b"x").content == b"x"
    assert [event["type"] for event in events if event["type"].startswith("plugin.")] == ["plugin.resumed"]


def test_authentication_plugin_is_never_paused(faults: Plugin, alice: User, settings: Any) -> None:
    """Otherwise an attacker who made it fail would lock everyone out."""
    settings.PLUGIN_FAULT_BUDGET, settings.AUTH_PLUGIN = 1, "faults"
    for _ in range(3):
        assert_problem(API(alice).post("/api/v1/plugins/faults/call/trap"), 502, "plugin-trapped")
    assert API(alice).post("/api/v1/plugins/faults/call/echo", b"x").content == b"x"
