"""Compares calls of two guests with peers that have no log-in or history, and with our no-op view."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench import peers
from tests.bench.load import Figures, Generator, Request, generator
from tests.bench.measuring import Target, in_turns, log_in
from tests.bench.report import Goal, heading, medians, ratio, row, single
from tests.server import ROOT, Server

ROUNDS = 5
SECONDS = 0.8
PEERS = (peers.PLUGIN_PER_REQUEST, peers.SHARED_COMPILED, peers.NODE)
OURS = "Hostbridge"
NOOP = Request("Hostbridge, a view that does nothing", "GET", "/healthz")
JSON = ("Content-Type", "application/json")
NAME = b'{"name":"Ada Lovelace"}'

TAIL = Goal(1.5, at_most=True)  # our p99 / p50 with 32 connections


@dataclass(frozen=True)
class Guest:
    """A module with a `greet`. `goals` are for the ratio of our throughput to others', with 8 connections."""

    name: str
    wasm: Path
    answer: bytes
    goals: tuple[Goal, ...]  # the no-op view, then in the order of PEERS

    def request(self, name: str, path: str, *headers: tuple[str, str]) -> Request:
        return Request(name, "POST", path, (JSON, *headers), NAME, answer=self.answer)


SMALL = Guest(
    "small",
    ROOT / "wasm-plugins" / "fixtures" / "small" / "small.wasm",
    b'{"greeting":"Hello from a small module, and a good day to you!","to":%s}' % NAME,
    (Goal(0.4), Goal(4.5), Goal(2.2), Goal(1.0)),
)
TEMPLATE = Guest(
    "template",
    ROOT / "wasm-plugins" / "template" / "template.wasm",
    b'{"message":"Hello, Ada Lovelace!"}',
    (Goal(0.4), Goal(6), Goal(1.8), Goal(2)),
)
GUESTS = (SMALL, TEMPLATE)


def main(folder: Path) -> None:
    peers.set_up()
    guests = {guest.name: guest.wasm for guest in GUESTS}
    with ExitStack() as stack:
        load = stack.enter_context(generator())
        say_ceiling(load)
        server = Server.start(folder / "calls", LOG_LEVEL="ERROR")
        stack.callback(server.stop)
        ports = [stack.enter_context(peer.serving(guests)) for peer in PEERS]
        compare(load, targets_of(server, ports))


def say_ceiling(load: Generator) -> None:
    with peers.RESPONDER.serving({}) as port:
        request = Request(peers.RESPONDER.name, "GET", "/", answer=b'{"status":"ok"}')
        rounds = in_turns(load, [Target(port, request)], 8, rounds=3, seconds=0.5)[0]
    print(single("The load generator itself", f"{medians(rounds).per_second:,.0f}", "per second"))


def targets_of(server: Server, ports: Sequence[int]) -> dict[str, list[Target]]:
    """For each guest: Hostbridge, the no-op view, the peers. Both guests share the no-op view."""
    server.make_owner()
    server.install_fixture("small")
    bearer = log_in(server)
    noop = Target(server.port, NOOP)
    found = {}
    for guest in GUESTS:
        ours = guest.request(OURS, f"/api/v1/plugins/{guest.name}/call/greet", bearer)
        theirs = [
            Target(port, guest.request(peer.name, f"/{guest.name}/greet"))
            for peer, port in zip(PEERS, ports, strict=True)
        ]
        found[guest.name] = [Target(server.port, ours), noop, *theirs]
    return found


def compare(load: Generator, targets: Mapping[str, list[Target]]) -> None:
    every = list(dict.fromkeys(target for group in targets.values() for target in group))
    for connections in (1, 8, 32):
        goal = "   goal" if connections == 8 else ""
        seen = in_turns(load, every, connections, rounds=ROUNDS, seconds=SECONDS)
        by_target = dict(zip(every, seen, strict=True))
        for guest in GUESTS:
            print(heading(connections, f"{guest.name} guest", f"{'ours / this':>14}", goal))
            say_guest(guest, connections, {t.request.name: by_target[t] for t in targets[guest.name]})


def say_guest(guest: Guest, connections: int, seen: Mapping[str, Sequence[Figures]]) -> None:
    ours = seen[OURS]
    print(row(OURS, medians(ours)))
    others = [name for name in seen if name != OURS]
    for name, goal in zip(others, guest.goals, strict=True):
        value = ratio(ours, seen[name])
        judged = f"   {goal.judge(value)}" if connections == 8 else ""
        print(row(name, medians(seen[name]), f"{value:>14.2f}", judged))
    if connections == 32:
        tail = medians(ours).p99 / medians(ours).p50
        print(single("our p99 / p50", f"{tail:.2f}", TAIL.judge(tail)))
