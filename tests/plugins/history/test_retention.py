"""History is bounded by age and number; what goes on stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import sessions
from accounts.models import User
from plugins.executions import browser_runs
from plugins.history import retention
from plugins.models import Execution, ExecutionToken, HostCall, Plugin

NOW = timezone.now()


def ran(plugin: Plugin, days_ago: float, ended: bool = True) -> Execution:
    at = NOW - timedelta(days=days_ago)
    execution = Execution.objects.create(
        plugin=plugin,
        release=plugin.active,
        function="greet",
        created_at=at,
        finished_at=at if ended else None,
    )
    HostCall.objects.create(execution=execution, status=200, duration_ms=1, at=at)
    return execution


@pytest.fixture
def plugin(bundled: dict[str, Plugin]) -> Plugin:
    return bundled["template"]


def test_what_is_old_goes_with_all_that_is_its(plugin: Plugin, alice: User, settings: Any) -> None:
    settings.EXECUTION_KEEP_DAYS = 30
    session, _token = sessions.create_session(alice.pk, 3600)
    in_browser = browser_runs.start(plugin, "greet", session).execution
    Execution.objects.filter(pk=in_browser.pk).update(created_at=NOW - timedelta(days=31), finished_at=NOW)
    ran(plugin, 31)
    goes_on, young = ran(plugin, 31, ended=False), ran(plugin, 29)
    HostCall.objects.create(status=200, duration_ms=1, at=NOW - timedelta(days=31))
    of_a_program = HostCall.objects.create(status=200, duration_ms=1, at=NOW)
    assert retention.forget_old() == 2
    assert set(Execution.objects.all()) == {goes_on, young}
    assert set(HostCall.objects.all()) == {*goes_on.host_calls.all(), *young.host_calls.all(), of_a_program}
    assert not ExecutionToken.objects.exists()


def test_the_latest_stay_and_others_go(
    plugin: Plugin, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXECUTION_KEEP_COUNT = 3
    monkeypatch.setattr(retention, "BATCH", 2)
    runs = [ran(plugin, days_ago) for days_ago in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    assert retention.forget_old() == 3
    assert list(Execution.objects.all()) == runs[:3]
    assert retention.forget_old() == 0


def test_zero_keeps_everything(plugin: Plugin, settings: Any) -> None:
    settings.EXECUTION_KEEP_DAYS = settings.EXECUTION_KEEP_COUNT = 0
    ran(plugin, 10_000)
    assert retention.forget_old() == 0
    assert Execution.objects.count() == 1
