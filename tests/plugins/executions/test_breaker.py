"""The breaker: a plugin that keeps failing is paused, told of, and tried again by itself."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from core.events import EVERYONE_GROUP
from plugins.executions import breaker
from plugins.executions.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, WINDOW_SECONDS, Breaker
from plugins.history.journal import get_journal
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


def test_it_lets_a_working_plugin_through(subject: Breaker) -> None:
    note(subject, *["good"] * 50)
    assert subject.seconds_left() == 0


def test_faults_and_slow_calls_have_budgets_of_their_own(subject: Breaker) -> None:
    note(subject, "fault", "fault", "slow", "slow", "slow", "slow")
    assert not subject.reason
    note(subject, "slow")
    assert subject.reason == "5 of its last 7 calls used up their time"


def test_the_last_fault_of_the_budget_pauses_it(subject: Breaker) -> None:
    note(subject, "fault", "fault")
    assert subject.seconds_left() == 0
    assert subject.note("fault")
    assert subject.seconds_left() == pytest.approx(FIRST_PAUSE_SECONDS)


def test_faults_among_many_good_calls_do_not(subject: Breaker) -> None:
    note(subject, *(["good"] * 4 + ["fault"] * 3))
    assert not subject.reason


def test_faults_of_long_ago_do_not(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault")
    clock.now += WINDOW_SECONDS
    note(subject, "fault")
    assert not subject.reason


def test_calls_that_never_ran_count_for_nothing(subject: Breaker) -> None:
    note(subject, *["none"] * 50)
    assert not subject.reason


def test_after_the_pause_one_call_decides(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault", "fault")
    clock.now += FIRST_PAUSE_SECONDS
    assert subject.seconds_left() == 0
    assert subject.seconds_left() > 0, "a second one was let through beside it"
    assert subject.note("good")
    assert subject.seconds_left() == 0


def test_a_trial_that_fails_makes_the_pause_longer_up_to_a_bound(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault", "fault")
    for doubled in range(1, 10):
        clock.now += subject._pause
        assert subject.seconds_left() == 0
        assert not subject.note("fault")
        expected = min(FIRST_PAUSE_SECONDS * 2**doubled, LONGEST_PAUSE_SECONDS)
        assert subject.seconds_left() == pytest.approx(expected)


def test_a_trial_that_never_ran_leaves_room_for_the_next(subject: Breaker, clock: Clock) -> None:
    note(subject, "fault", "fault", "fault")
    clock.now += FIRST_PAUSE_SECONDS
    assert subject.seconds_left() == 0
    note(subject, "none")
    assert subject.seconds_left() == 0


def test_budgets_of_zero_never_pause(clock: Clock) -> None:
    subject = Breaker(0, 0, clock)
    note(subject, *["fault"] * 100, *["slow"] * 100)
    assert subject.seconds_left() == 0


@pytest.fixture
def faults(install: Callable[..., Plugin]) -> Plugin:
    return install("faults")


def test_a_failing_plugin_is_paused_and_everybody_is_told(
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


def test_what_a_plugin_refuses_in_its_own_words_is_no_fault(
    faults: Plugin, alice: User, settings: Any
) -> None:
    settings.PLUGIN_FAULT_BUDGET = 1
    for _ in range(3):
        assert_problem(API(alice).post("/api/v1/plugins/faults/call/fail_text"), 422, "plugin-error")
    assert API(alice).post("/api/v1/plugins/faults/call/echo", b"x").content == b"x"


def test_it_goes_on_by_itself(
    faults: Plugin, alice: User, settings: Any, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PLUGIN_FAULT_BUDGET = 1
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(Breaker, "_pause", 0.0)
    API(alice).post("/api/v1/plugins/faults/call/trap")
    breaker._breakers["faults", faults.active.pk]._until = 0.0
    get_journal().flush()
    with listen(EVERYONE_GROUP) as events:
        assert API(alice).post("/api/v1/plugins/faults/call/echo", b"x").content == b"x"
    assert [event["type"] for event in events if event["type"].startswith("plugin.")] == ["plugin.resumed"]


def test_the_plugin_that_logs_people_in_is_never_paused(faults: Plugin, alice: User, settings: Any) -> None:
    """Whoever found a way to make it fail would shut everybody out."""
    settings.PLUGIN_FAULT_BUDGET, settings.AUTH_PLUGIN = 1, "faults"
    for _ in range(3):
        assert_problem(API(alice).post("/api/v1/plugins/faults/call/trap"), 502, "plugin-trapped")
    assert API(alice).post("/api/v1/plugins/faults/call/echo", b"x").content == b"x"
