"""What an operator watches, for Prometheus: calls, their ends and time; what waits, is paused or replaced.

What happened is counted where the journal writes it, so that no call pays for it; how things are is asked
when somebody reads. All of it is this server process's own, since its start. Labels come from manifests of
installed plugins and from tables of ours, never from a request: nobody outside can make a series.

It loads prometheus-client, which takes 0.7 MB of a server: to be imported only where METRICS_TOKEN is set.
"""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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
from plugins.history import journal
from plugins.models import Execution, Plugin
from plugins.runtime.pool import Census
from plugins.runtime.service import get_pool

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4  # which every scraper reads
# Seconds: from a short call to PLUGIN_MAX_TIMEOUT_MS as it comes.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PHASES = ("queue", "start", "run", "host")
# What the audit log names as a guest's request to an outside address, besides the operations.
_ASKED_FOR = frozenset(OPERATIONS) | {"http_request"}


@dataclass
class Spent:
    """The time that the calls of one plugin took, in seconds.

    `buckets`: how many took longer than the bucket before and not longer than this one; the last: all others.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0
    phases: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    def add(self, execution: Execution) -> None:
        """One that has ended. Its whole time counts also where it came to no answer, and so to no phases."""
        if execution.finished_at is None:
            return
        # By the wall clock, which can be put back.
        seconds = max((execution.finished_at - execution.created_at).total_seconds(), 0.0)
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds
        for phase in PHASES:
            self.phases[phase] += (getattr(execution, f"{phase}_ms") or 0.0) / 1000


class Counts(Collector):
    """What was counted. Plain numbers: the library's own cost ten times as much for each call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._spent: defaultdict[str, Spent] = defaultdict(Spent)
        self._host_calls: Counter[tuple[str, str]] = Counter()

    def hear(self, ended: Iterable[Execution], host_calls: Iterable[journal.Entry]) -> None:
        """Adds executions that have ended, and host calls. From any thread."""
        with self._lock:
            for execution in ended:
                slug = execution.plugin.slug
                self._calls[slug, execution.target, str(execution.state)] += 1
                if execution.target == "server":
                    self._spent[slug].add(execution)
            for entry in host_calls:
                self._host_calls[_operation(entry.operation), _status_class(entry.status)] += 1

    def collect(self) -> Iterator[Metric]:
        """For the library, whenever somebody reads."""
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
        whole = HistogramMetricFamily(
            "hostbridge_call_seconds",
            "From being let in to the end, of calls on the server.",
            labels=["plugin"],
        )
        phases = CounterMetricFamily(
            "hostbridge_call_phase_seconds",
            "Where that time went: to waiting for a worker, making the instance, the guest, the host.",
            labels=("plugin", "phase"),
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for slug, spent in self._spent.items():
            reached = accumulate(spent.buckets)
            whole.add_metric([slug], list(zip(bounds, reached, strict=True)), spent.total)
            for phase in PHASES:
                phases.add_metric((slug, phase), spent.phases[phase])
        return whole, phases

    def _host_calls_family(self) -> Metric:
        family = CounterMetricFamily(
            "hostbridge_host_calls",
            "What plugins and tokens asked of the host.",
            labels=("operation", "status"),
        )
        for labels, count in self._host_calls.items():
            family.add_metric(labels, count)
        return family


class State(Collector):
    """How things are at this moment."""

    def collect(self) -> Iterator[Metric]:
        """For the library, whenever somebody reads. What the database does not tell is left out."""
        yield from _pool_families(get_pool().census())
        yield GaugeMetricFamily("hostbridge_journal_backlog", "Records not written yet.", journal.backlog())
        listening = Feed.running.listener_count if Feed.running else 0
        yield GaugeMetricFamily("hostbridge_live_connections", "WebSockets with a live feed.", listening)
        try:
            yield _paused_family()
        except db.Error:
            return


def _pool_families(found: Census) -> Iterator[Metric]:
    workers = GaugeMetricFamily("hostbridge_workers", "Workers by what they do.", labels=["state"])
    for state in ("busy", "idle", "starting"):
        workers.add_metric([state], getattr(found, state))
    yield workers
    yield CounterMetricFamily(
        "hostbridge_workers_replaced",
        "Workers that were killed or died, and made way for new ones.",
        found.replaced,
    )
    yield GaugeMetricFamily("hostbridge_calls_waiting", "Calls that wait for a worker.", found.waiting)
    refused = CounterMetricFamily(
        "hostbridge_calls_refused", "Calls that were told to come back later.", labels=["reason"]
    )
    refused.add_metric(["queue_full"], found.queue_full)
    refused.add_metric(["waited_too_long"], found.waited_too_long)
    yield refused


def _paused_family() -> Metric:
    """Raises what the database raises."""
    family = GaugeMetricFamily(
        "hostbridge_plugin_paused", "1 while the plugin is paused because it kept failing.", labels=["plugin"]
    )
    serving = Plugin.objects.exclude(release=None).filter(enabled=True)
    for slug, release_id in serving.values_list("slug", "release_id"):
        family.add_metric([slug], bool(breaker.paused(slug, release_id)))
    return family


def _operation(name: str) -> str:
    return name if name in _ASKED_FOR else "unknown"


def _status_class(status: int) -> str:
    """2xx and the like: an outside server may answer with any number."""
    return f"{status // 100}xx" if 100 <= status <= 599 else "other"


_registry = CollectorRegistry()
_counts = Counts()
_registry.register(_counts)
_registry.register(State())
ProcessCollector(registry=_registry)


def start() -> None:
    """From now on it is counted. Calling it again changes nothing."""
    if _counts.hear not in journal.on_written:
        journal.on_written.append(_counts.hear)


def text() -> bytes:
    """All figures in Prometheus' text format. Asks the database once, and needs no answer."""
    return generate_latest(_registry)
