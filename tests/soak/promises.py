"""The promises that must hold after a soak, and their checks."""

import re
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple, get_args

from tests.soak.actions import MIX
from tests.soak.course import Findings
from tests.soak.tally import Outcome
from tests.soak.watch import SAMPLE_SECONDS

RSS_GROWTH = 0.05
GOING_ON = {"queued", "running"}
AUTH_PLUGIN = "auth"  # log-in and similar endpoints call it, and do not return the execution's ID
# Each thread keeps a database connection, which holds two SQLite files open (database and log). One more, the
# shared memory, is common to all. The server has as many threads as it once had simultaneous calls.
DATABASE_FILES_PER_THREAD, DATABASE_FILES_SHARED = 2, 1
# Django logs 503 and 504 as errors, although they are the right answers here. Our own errors have tracebacks.
DJANGO_SAYS = re.compile(r"ERROR django\.request: (Service Unavailable|Gateway Timeout)")
# The server may close a connection that has been idle for this long. Clients never idle, so that only happens
# when the whole machine stands still (a paused virtual machine). Calls then run out of time, too.
KEEP_ALIVE_SECONDS = 5 - SAMPLE_SECONDS
SHOWN = 5


class Verdict(NamedTuple):
    promise: str
    broken: list[str]  # the reasons why it is broken; empty if it holds
    found: str = ""

    def __str__(self) -> str:
        lines = [
            f"{'BROKEN' if self.broken else 'kept':8}{self.promise}{f': {self.found}' if self.found else ''}"
        ]
        lines += [f"{'':10}{reason}" for reason in self.broken[:SHOWN]]
        if len(self.broken) > SHOWN:
            lines.append(f"{'':10}and {len(self.broken) - SHOWN} more")
        return "\n".join(lines)


def judge(findings: Findings) -> list[Verdict]:
    return [judge_one(findings) for judge_one in (*PROMISES, memory)]


def answers(findings: Findings) -> Verdict:
    tally = findings.tally
    right, busy, left, lost, wrong = map(tally.total, get_args(Outcome))
    found = f"{right} right, {busy} overloaded, {left} abandoned by clients, {lost} lost, {wrong} wrong"
    if findings.longest_pause < KEEP_ALIVE_SECONDS:
        return Verdict("No answer is wrong or lost", [*tally.wrong, *tally.lost], found)
    found += f"; the machine stood still for {findings.longest_pause:.0f} s, which ends connections and calls"
    return Verdict("No answer is wrong", tally.wrong, found)


def everything_was_tried(findings: Findings) -> Verdict:
    seen = {kind for kind, outcome in findings.tally.outcomes if outcome in {"right", "left"}}
    missing = [f"{kind.__name__} was never answered" for kind in MIX if kind.__name__ not in seen]
    return Verdict("Everything was tried", missing)


def ends(findings: Findings) -> Verdict:
    going_on = [
        f"{id_}: {record.state}" for id_, record in findings.records.items() if record.state in GOING_ON
    ]
    return Verdict("Every execution has ended", going_on, f"{len(findings.records)} executions")


def records(findings: Findings) -> Verdict:
    return Verdict(
        "Each call is recorded once, with the outcome that its caller saw", [*_misrecorded(findings)]
    )


def _misrecorded(findings: Findings) -> Iterator[str]:
    expected = findings.tally.ends
    for id_, states in expected.items():
        record = findings.records.get(id_)
        if record is None or record.state not in states:
            yield f"{id_} should be {' or '.join(states)}: {record}"
    for id_, record in findings.records.items():
        if id_ not in expected and not record.left_behind and record.plugin != AUTH_PLUGIN:
            yield f"{id_} belongs to no call: {record}"


def workers(findings: Findings) -> Verdict:
    wanted, children = findings.plan.workers, findings.rested.children
    broken = [] if len(children) == wanted else [f"{len(children)} child processes, not {wanted}: {children}"]
    broken += [f"{pid} outlived the server" for pid in findings.outliving]
    return Verdict("No worker is lost or left running", broken)


def descriptors(findings: Findings) -> Verdict:
    before, after = findings.warm.descriptors, findings.rested.descriptors
    broken = [
        f"{kind}: {after[kind]}, {before[kind]} before"
        for kind in after
        if kind != "database" and after[kind] > before[kind]
    ]
    allowed = DATABASE_FILES_PER_THREAD * findings.rested.threads + DATABASE_FILES_SHARED
    if after["database"] > allowed:
        broken.append(f"database: {after['database']}, more than {findings.rested.threads} threads can have")
    return Verdict("No descriptor leaks", broken, f"{before.total()} before, {after.total()} after")


def process(findings: Findings) -> Verdict:
    return Verdict("The web process is alive", [] if findings.alive else [findings.log[-2000:]])


def log(findings: Findings) -> Verdict:
    bad = [
        line
        for line in findings.log.splitlines()
        if line.startswith("Traceback") or (" ERROR " in line and not DJANGO_SAYS.search(line))
    ]
    return Verdict("The server's log has no errors of its own", bad)


def memory(findings: Findings) -> Verdict:
    """Compares the medians of the soak's first and last fifth."""
    rss = [sample.rss_mb for sample in findings.samples]
    fifth = max(1, len(rss) // 5)
    first, last = median(rss[:fifth]), median(rss[-fifth:])
    growth = last / first - 1
    found = f"{first:.1f} MB, then {last:.1f} MB ({growth:+.1%})"
    broken = [] if growth < RSS_GROWTH else [f"It grew by more than {RSS_GROWTH:.0%}."]
    return Verdict("The web process does not grow", broken, found)


# The promises that even a short soak can check.
PROMISES: list[Callable[[Findings], Verdict]] = [
    answers, everything_was_tried, ends, records, workers, descriptors, process, log,
]  # fmt: skip
