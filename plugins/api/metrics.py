"""Metrics for Prometheus: how many calls ended, how and after what time; workers, queue and paused plugins.

Calls are counted when the journal has written them, so no call pays for it; the present state is looked up
at each scrape. All figures are this server process's own, since its start. Labels come from the manifests of
installed plugins and from our own tables, never from a request, so no client can create a series.

Importing this module loads prometheus-client, which takes 0.7 MB: import it only if METRICS_TOKEN is set.
"""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate

from django import db
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from core.feed import Feed
from core.operations import OPERATIONS
from plugins.executions import breaker
from plugins.history.journal import Journal, get_journal
from plugins.history.records import HostCallRecord
from plugins.models import Execution, Plugin
from plugins.runtime.current_engine import get_pool
from plugins.runtime.pool import Census

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4  # every scraper reads it
# Seconds: from a short call to the default PLUGIN_MAX_TIMEOUT_MS.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PHASES = ("queue", "start", "run", "host")
# The audit log's names: the operations, and a guest's request to an outside address.
_HOST_CALLS = frozenset(OPERATIONS) | {"http_request"}


@dataclass
class CallTimes:
    """How long the calls of one plugin took, in seconds.

    `buckets`: for each of BUCKETS, how many calls took at most so long and longer than the one before; last,
    how many took longer than all of them.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0
    phases: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    def add(self, execution: Execution) -> None:
        """Adds an execution that has ended. One without an answer has a total, and no phases."""
        if execution.finished_at is None:
            return
        # From the wall clock, which can be set back.
        seconds = max((execution.finished_at - execution.created_at).total_seconds(), 0.0)
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds
        for phase in PHASES:
            self.phases[phase] += (getattr(execution, f"{phase}_ms") or 0.0) / 1000


class Counts(Collector):
    """Counts calls and host calls, in plain numbers: the library's counters cost ten times as much a call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._times: defaultdict[str, CallTimes] = defaultdict(CallTimes)
        self._host_calls: Counter[tuple[str, str]] = Counter()

    def add(self, ended: Iterable[Execution], host_calls: Iterable[HostCallRecord]) -> None:
        """Counts executions that have ended, and host calls. Any thread may call it."""
        with self._lock:
            for execution in ended:
                slug = execution.plugin.slug
                self._calls[slug, execution.target, str(execution.state)] += 1
                if execution.target == "server":
                    self._times[slug].add(execution)
            for host_call in host_calls:
                self._host_calls[_operation(host_call.operation), _status_class(host_call.status)] += 1

    def collect(self) -> Iterator[Metric]:
        """Called by the library at each scrape."""
        with self._lock:
            families = [self._calls_family(), *self._time_families(), self._host_calls_family()]
        yield from families

    def _calls_family(self) -> Metric:
        family = CounterMetricFamily(
            "hostbridge_calls", "Calls that ended.", labels=("plugin", "target", "state")
        )
        for labels, count in self._calls.items():
            family.add_metric(labels, count)
        return family

    def _time_families(self) -> tuple[Metric, Metric]:
        totals = HistogramMetricFamily(
            "hostbridge_call_seconds",
            "From authorization to the end, of calls on the server.",
            labels=["plugin"],
        )
        phases = CounterMetricFamily(
            "hostbridge_call_phase_seconds",
            "Time spent waiting for a worker, creating the instance, in the guest and in the host.",
            labels=("plugin", "phase"),
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for slug, times in self._times.items():
            cumulative = accumulate(times.buckets)
            totals.add_metric([slug], list(zip(bounds, cumulative, strict=True)), times.total)
            for phase in PHASES:
                phases.add_metric((slug, phase), times.phases[phase])
        return totals, phases

    def _host_calls_family(self) -> Metric:
        family = CounterMetricFamily(
            "hostbridge_host_calls",
            "Host calls by plugins and API tokens.",
            labels=("operation", "status"),
        )
        for labels, count in self._host_calls.items():
            family.add_metric(labels, count)
        return family


class State(Collector):
    """The present state of workers, queue, journal, live feed and plugins."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def collect(self) -> Iterator[Metric]:
        """Called by the library at each scrape. Leaves out the paused plugins if the database fails."""
        yield from _pool_families(get_pool().census())
        backlog = self._journal.backlog()
        yield GaugeMetricFamily("hostbridge_journal_backlog", "Records and events not written yet.", backlog)
        connections = Feed.running.listener_count if Feed.running else 0
        yield GaugeMetricFamily("hostbridge_live_connections", "WebSockets with a live feed.", connections)
        try:
            yield _paused_family()
        except db.Error:
            return


def _pool_families(census: Census) -> Iterator[Metric]:
    workers = GaugeMetricFamily("hostbridge_workers", "Workers by state.", labels=["state"])
    for state in ("busy", "idle", "starting"):
        workers.add_metric([state], getattr(census, state))
    yield workers
    yield CounterMetricFamily(
        "hostbridge_workers_replaced",
        "Workers that were killed or died, and were replaced.",
        census.replaced,
    )
    yield GaugeMetricFamily("hostbridge_calls_waiting", "Calls waiting for a worker.", census.waiting)
    refused = CounterMetricFamily(
        "hostbridge_calls_refused", "Calls refused as overloaded.", labels=["reason"]
    )
    refused.add_metric(["queue_full"], census.queue_full)
    refused.add_metric(["waited_too_long"], census.waited_too_long)
    yield refused


def _paused_family() -> Metric:
    """Raises what the database raises."""
    family = GaugeMetricFamily(
        "hostbridge_plugin_paused", "1 while the plugin is paused because it kept failing.", labels=["plugin"]
    )
    active = Plugin.objects.exclude(release=None).filter(enabled=True)
    for slug, release_id in active.values_list("slug", "release_id"):
        family.add_metric([slug], bool(breaker.paused(slug, release_id)))
    return family


def _operation(name: str) -> str:
    return name if name in _HOST_CALLS else "unknown"


def _status_class(status: int) -> str:
    """For example 2xx. An outside server may answer with any number."""
    return f"{status // 100}xx" if 100 <= status <= 599 else "other"


class Metrics:
    """The figures of this server process. Counts what `journal` writes from now on."""

    def __init__(self, journal: Journal) -> None:
        counts = Counts()
        journal.subscribe(counts.add)
        self._registry = CollectorRegistry()
        self._registry.register(counts)
        self._registry.register(State(journal))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All figures in Prometheus' text format. Runs one query, and does without its result if it fails."""
        return generate_latest(self._registry)


@cache
def get_metrics() -> Metrics:
    """This process's metrics. The first call, when the server starts, begins to count."""
    return Metrics(get_journal())
