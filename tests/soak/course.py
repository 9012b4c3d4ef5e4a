"""The steps of a soak: warm up, rest, soak, rest, read the records, stop."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import get_args

import httpx

from tests.server import Server, processes_gone
from tests.soak.actions import LEFT, Actor
from tests.soak.clients import at_work
from tests.soak.stage import start
from tests.soak.tally import Outcome, Tally
from tests.soak.watch import Sample, sample, watching

SAY_EVERY_SECONDS = 60
REST_SECONDS = 90  # by then abandoned calls have ended and killed workers are replaced
SETTLE_SECONDS = 2  # until the server has closed the sockets that clients closed

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """`workers` is the server's PLUGIN_WORKERS."""

    warm_up_seconds: float
    soak_seconds: float
    workers: int
    clients: int = 32
    seed: int = 1


@dataclass(frozen=True)
class Record:
    """An execution as the API returns it. `left_behind`: its client hung up before it learned the ID."""

    plugin: str
    state: str
    left_behind: bool


@dataclass(frozen=True)
class Findings:
    """The result of a soak, for the promises to judge.

    `warm` and `rested` are the server at rest before and after the soak; `samples` are from the soak.
    `longest_pause` is the longest time between two samples, in seconds; it should be one. `outliving` are
    workers that are still alive after the server has stopped.
    """

    plan: Plan
    tally: Tally
    warm: Sample
    samples: list[Sample]
    longest_pause: float
    rested: Sample
    records: dict[str, Record]
    alive: bool
    outliving: list[int]
    log: str


def run(plan: Plan, folder: Path, say: Say) -> Findings:
    server = start(folder / "data", plan.clients)
    try:
        tally = Tally()
        actors = [Actor(number, tally, Random(plan.seed + number)) for number in range(plan.clients)]
        say(f"Warming up for {plan.warm_up_seconds:.0f} s with {plan.clients} clients")
        warming = work(server, actors, plan.warm_up_seconds, Progress(tally, say))
        warm = rest(server, plan.workers)
        say(f"At rest: {warm}\nSoaking for {plan.soak_seconds:.0f} s")
        samples = work(server, actors, plan.soak_seconds, Progress(tally, say))
        rested = rest(server, plan.workers)
        say(f"At rest: {rested}")
        records = read_records(server, tally)
        alive = server.process.poll() is None
    finally:
        server.stop()
    outliving = [] if processes_gone([*rested.children], within_seconds=5) else [*rested.children]
    pause = max(longest_pause(warming), longest_pause(samples))
    log = server.log.read_text()
    return Findings(plan, tally, warm, samples, pause, rested, records, alive, outliving, log)


def longest_pause(samples: Sequence[Sample]) -> float:
    return max((later.at - earlier.at for earlier, later in pairwise(samples)), default=0.0)


def work(server: Server, actors: Sequence[Actor], seconds: float, progress: "Progress") -> list[Sample]:
    """Lets the clients work for `seconds`. Returns the samples taken meanwhile."""
    with watching(server, progress.report) as samples, at_work(server, actors):
        time.sleep(seconds)
    return samples


class Progress:
    """Reports the progress every minute."""

    def __init__(self, tally: Tally, say: Say) -> None:
        self.tally = tally
        self.say = say
        self.since = time.monotonic()
        self.before = self._outcomes()

    def report(self, now: Sample) -> None:
        seconds = now.at - self.since
        if seconds < SAY_EVERY_SECONDS:
            return
        outcomes = self._outcomes()
        new = outcomes - self.before
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(new.items()))
        self.say(f"  {new.total() / seconds:.0f} a second ({counts}); {now}")
        self.since, self.before = now.at, outcomes

    def _outcomes(self) -> Counter[str]:
        return Counter({name: self.tally.total(name) for name in get_args(Outcome)})


def rest(server: Server, workers: int) -> Sample:
    """Waits until no execution is running, for at most REST_SECONDS. Returns a sample of the server then."""
    deadline = time.monotonic() + REST_SECONDS
    with server.log_in("owner@example.com") as owner:
        while time.monotonic() < deadline:
            if len(sample(server).children) == workers and not unfinished(owner):
                break
            time.sleep(0.5)
    time.sleep(SETTLE_SECONDS)
    return sample(server)


def unfinished(owner: httpx.Client) -> list[str]:
    """The IDs of all users' unfinished executions."""
    found = []
    for state in ("queued", "running"):
        response = owner.get("/api/v1/executions", params={"state": state})
        response.raise_for_status()
        found += [execution["id"] for execution in response.json()["results"]]
    return found


def read_records(server: Server, tally: Tally) -> dict[str, Record]:
    """All executions by ID."""
    with server.log_in("owner@example.com") as owner:
        return {
            execution["id"]: Record(
                execution["plugin"],
                execution["state"],
                execution["id"] not in tally.ends and was_left_behind(owner, execution["id"]),
            )
            for execution in all_executions(owner)
        }


def all_executions(owner: httpx.Client) -> Iterator[dict[str, str]]:
    page = "/api/v1/executions?page_size=200"
    while page:
        response = owner.get(page)
        response.raise_for_status()
        yield from response.json()["results"]
        page = response.json()["next"]


def was_left_behind(owner: httpx.Client, execution_id: str) -> bool:
    response = owner.get(f"/api/v1/executions/{execution_id}")
    response.raise_for_status()
    given = response.json()["input"]
    return given is not None and given["content"].startswith(LEFT)
