"""GET /metrics: what it counts, that no client can create a series, and who may read it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import OperationalError
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts import sessions
from accounts.models import User
from plugins.api import metrics
from plugins.executions import browser_runs
from plugins.history.journal import Journal
from plugins.history.records import HostCallRecord
from plugins.history.writer import FLUSH_SECONDS
from plugins.models import Execution, Plugin
from plugins.registry import catalogue
from tests.conftest import API, assert_problem, failing_database
from tests.server import ROOT, Server, clean_environment

TOKEN = "a-token-of-the-operator"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Series:
    """Every sample by its name and labels, as a scraper reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float | None:
    return series.get((f"hostbridge_{name}", frozenset(labels.items())))


@pytest.fixture
def scrape(settings: Any, journal: Journal) -> Iterator[Callable[[], Series]]:
    """Counts from now on. Each scrape includes everything that has happened."""
    settings.METRICS_TOKEN = TOKEN
    metrics.get_metrics.cache_clear()
    metrics.get_metrics()

    def scrape() -> Series:
        journal.flush()
        response = API().get("/metrics", headers=BEARER)
        assert response.status_code == 200, response.content
        return read(response.content.decode())

    yield scrape
    metrics.get_metrics.cache_clear()


def test_calls_are_counted_by_plugin_target_and_state_and_timed(
    scrape: Callable[[], Series], install: Callable[..., Plugin], alice: User
) -> None:
    install("faults")
    client = API(alice)
    for _ in range(3):
        assert client.post("/api/v1/plugins/faults/call/echo", b"x").status_code == 200
    client.post("/api/v1/plugins/faults/call/trap")
    found = scrape()
    assert value(found, "calls_total", plugin="faults", target="server", state="succeeded") == 3
    assert value(found, "calls_total", plugin="faults", target="server", state="failed") == 1
    assert value(found, "call_seconds_count", plugin="faults") == 4
    assert value(found, "call_seconds_bucket", plugin="faults", le="+Inf") == 4
    buckets = [value(found, "call_seconds_bucket", plugin="faults", le=str(le)) for le in metrics.BUCKETS]
    assert buckets == sorted(buckets, key=float)  # type: ignore[arg-type]
    total = value(found, "call_seconds_sum", plugin="faults") or 0
    phases = [value(found, "call_phase_seconds_total", plugin="faults", phase=p) for p in metrics.PHASES]
    assert 0 < sum(filter(None, phases)) <= total


def test_calls_without_an_answer_are_timed(
    scrape: Callable[[], Series], journal: Journal, install: Callable[..., Plugin]
) -> None:
    plugin = install("faults")
    execution = Execution(plugin=plugin, release=plugin.active, function="spin")
    journal.begin(execution)
    later = execution.created_at + timezone.timedelta(seconds=2)
    journal.change(execution, state=Execution.State.TIMED_OUT.value, finished_at=later)
    found = scrape()
    assert value(found, "calls_total", plugin="faults", target="server", state="timed_out") == 1
    assert value(found, "call_seconds_bucket", plugin="faults", le="1.0") == 0
    assert value(found, "call_seconds_bucket", plugin="faults", le="2.5") == 1
    assert value(found, "call_seconds_sum", plugin="faults") == 2


def test_browser_runs_are_counted_without_a_time(
    scrape: Callable[[], Series], install: Callable[..., Plugin], alice: User
) -> None:
    plugin = install("hostcall")
    for function in plugin.active.manifest_data["functions"]:
        function["targets"] = ["server", "browser"]
    plugin.active.save()
    session, _ = sessions.create_session(alice.pk, 60)
    run = browser_runs.start(catalogue.get_plugin("hostcall"), "fetch", session)
    assert value(scrape(), "calls_total", plugin="hostcall", target="browser", state="succeeded") is None
    browser_runs.finish(run.execution.pk, run.token, browser_runs.Report("succeeded"))
    found = scrape()
    assert value(found, "calls_total", plugin="hostcall", target="browser", state="succeeded") == 1
    assert value(found, "call_seconds_count", plugin="hostcall") is None


def test_host_calls_are_counted_by_operation_and_status_class(
    scrape: Callable[[], Series], install: Callable[..., Plugin], alice: User
) -> None:
    install("hostcall", "kv_list")
    for path in ("kv", f"users/{alice.pk}"):
        asked = {"method": "GET", "url": f"http://hostbridge.invalid/host/v1/{path}", "headers": {}}
        assert API(alice).post("/api/v1/plugins/hostcall/call/fetch", asked).status_code == 200
    found = scrape()
    assert value(found, "host_calls_total", operation="kv_list", status="2xx") == 1
    assert value(found, "host_calls_total", operation="db_get_user_by_uuid", status="4xx") == 1


def test_records_written_after_a_retry_are_counted_once(
    scrape: Callable[[], Series], journal: Journal, install: Callable[..., Plugin]
) -> None:
    plugin = install("faults")
    execution = Execution(plugin=plugin, release=plugin.active, function="echo")
    journal.begin(execution)
    journal.change(execution, state="succeeded", finished_at=timezone.now())
    with failing_database(), pytest.raises(OperationalError):
        journal.flush()
    assert value(read(metrics.get_metrics().text().decode()), "journal_backlog") == 1
    for _ in range(2):
        found = scrape()
        assert value(found, "calls_total", plugin="faults", target="server", state="succeeded") == 1
        assert value(found, "journal_backlog") == 0


def test_a_running_execution_is_counted_when_it_ends(
    scrape: Callable[[], Series], journal: Journal, install: Callable[..., Plugin]
) -> None:
    plugin = install("faults")
    execution = Execution(plugin=plugin, release=plugin.active, function="echo", state="running")
    journal.begin(execution)
    assert value(scrape(), "call_seconds_count", plugin="faults") is None
    journal.change(execution, state="succeeded", finished_at=timezone.now())
    found = scrape()
    assert value(found, "calls_total", plugin="faults", target="server", state="succeeded") == 1
    assert value(found, "call_seconds_count", plugin="faults") == 1


def test_paused_plugins_are_shown_unless_the_database_fails(
    scrape: Callable[[], Series], install: Callable[..., Plugin], alice: User, settings: Any
) -> None:
    settings.PLUGIN_FAULT_BUDGET = 2
    install("faults")
    assert value(scrape(), "plugin_paused", plugin="faults") == 0
    for _ in range(2):
        API(alice).post("/api/v1/plugins/faults/call/trap")
    found = scrape()
    assert value(found, "plugin_paused", plugin="faults") == 1
    with failing_database():
        found = read(metrics.get_metrics().text().decode())
    assert value(found, "plugin_paused", plugin="faults") is None
    assert value(found, "calls_total", plugin="faults", target="server", state="failed") == 2


def test_workers_queue_and_connections_are_shown(
    scrape: Callable[[], Series], transactional_db: None
) -> None:
    found = scrape()
    states = [value(found, "workers", state=state) for state in ("busy", "idle", "starting")]
    assert sum(filter(None, states)) == 3
    for name in ("workers_replaced_total", "calls_waiting", "live_connections"):
        assert value(found, name) is not None
    for reason in ("queue_full", "waited_too_long"):
        assert value(found, "calls_refused_total", reason=reason) is not None


def test_clients_cannot_create_series(
    scrape: Callable[[], Series], journal: Journal, install: Callable[..., Plugin], alice: User
) -> None:
    plugin = install("faults")
    client = API(alice)
    client.post("/api/v1/plugins/faults/call/echo")
    client.get("/host/v1/kv")
    before = scrape().keys()
    for name in ("a", "b"):
        client.post(f"/api/v1/plugins/{name}/call/echo")
        client.post(f"/api/v1/plugins/faults/call/{name}")
        client.get(f"/host/v1/{name}")
    assert scrape().keys() == before
    execution = Execution.objects.filter(plugin=plugin)[0]
    for number in range(20):  # names that are no operation, and statuses from servers outside
        name = f"made-up-{number}"
        journal.add_host_call(HostCallRecord(execution.pk, None, name, "", 600 + number, 0.1, time.time()))
    ((_, labels),) = scrape().keys() - before
    assert dict(labels) == {"operation": "unknown", "status": "other"}


def test_without_metrics_token_the_url_does_not_exist(db: None, settings: Any) -> None:
    assert not settings.METRICS_TOKEN
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer"}, BEARER):
        assert API().get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "sent",
    [None, "", "Bearer", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer é"],
)
def test_reading_requires_the_exact_token(db: None, settings: Any, sent: str | None) -> None:
    settings.METRICS_TOKEN = TOKEN
    response = API().get("/metrics", headers={} if sent is None else {"Authorization": sent})
    assert_problem(response, 401, "not-authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


def test_an_administrators_session_is_not_enough(charlie: User, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert_problem(API(charlie).get("/metrics"), 401, "not-authenticated")


def test_prometheus_client_is_not_loaded_by_default(tmp_path: Path) -> None:
    look = "import sys, config.asgi, config.urls; print('prometheus_client' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look],
        cwd=ROOT, env=clean_environment() | {"DATA_DIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"


@pytest.mark.server
def test_a_real_server_serves_its_own_metrics(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN + "\n")
    server = Server.start(tmp_path / "data", METRICS_TOKEN_FILE=str(secret))
    try:
        server.make_owner()
        with server.log_in("owner@example.com") as client:
            client.post("/api/v1/plugins/template/call/greet", json={"name": "Ada"}).raise_for_status()
        assert httpx.get(f"{server.url}/metrics").status_code == 401
        time.sleep(2 * FLUSH_SECONDS)
        response = httpx.get(f"{server.url}/metrics", headers=BEARER)
        found = read(response.text)
    finally:
        server.stop()
    assert response.headers["Content-Type"] == metrics.CONTENT_TYPE
    assert "no-store" in response.headers["Cache-Control"]
    assert value(found, "calls_total", plugin="template", target="server", state="succeeded") == 1
    assert (value(found, "calls_total", plugin="auth", target="server", state="succeeded") or 0) >= 1
    assert value(found, "host_calls_total", operation="db_get_user_by_email", status="2xx") is not None
    assert value(found, "workers", state="idle") == 3
    assert found["process_resident_memory_bytes", frozenset()] > 1e7
    assert found["process_open_fds", frozenset()] > 10
