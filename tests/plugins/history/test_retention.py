"""History is bounded by age and number; running executions stay."""

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


def test_old_executions_are_deleted_with_their_host_calls_and_tokens(
    plugin: Plugin, alice: User, settings: Any
) -> None:
    settings.EXECUTION_KEEP_DAYS = 30
    session, _token = sessions.create_session(alice.pk, 3600)
    in_browser = browser_runs.start(plugin, "greet", session).execution
    Execution.objects.filter(pk=in_browser.pk).update(created_at=NOW - timedelta(days=31), finished_at=NOW)
    ran(plugin, 31)
    running, young = ran(plugin, 31, ended=False), ran(plugin, 29)
    HostCall.objects.create(status=200, duration_ms=1, at=NOW - timedelta(days=31))
    by_token = HostCall.objects.create(status=200, duration_ms=1, at=NOW)
    assert retention.delete_old_executions() == 2
    assert set(Execution.objects.all()) == {running, young}
    assert set(HostCall.objects.all()) == {*running.host_calls.all(), *young.host_calls.all(), by_token}
    assert not ExecutionToken.objects.exists()


def test_only_the_latest_executions_are_kept(plugin: Plugin, settings: Any) -> None:
    settings.EXECUTION_KEEP_COUNT = 3
    runs = [ran(plugin, days_ago) for days_ago in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    assert retention.delete_old_executions(batch=2) == 3
    assert list(Execution.objects.all()) == runs[:3]
    assert retention.delete_old_executions() == 0


def test_zero_disables_both_bounds(plugin: Plugin, settings: Any) -> None:
    settings.EXECUTION_KEEP_DAYS = settings.EXECUTION_KEEP_COUNT = 0
    ran(plugin, 10_000)
    assert retention.delete_old_executions() == 0
    assert Execution.objects.count() == 1
