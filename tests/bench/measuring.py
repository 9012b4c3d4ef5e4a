"""Measures servers in turns, so that a disturbance of the machine affects all of them."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.bench.load import Figures, Generator, Request
from tests.server import Server

WARM_UP_SECONDS = 0.3


def log_in(server: Server) -> tuple[str, str]:
    """Logs the owner in and returns the header for further calls."""
    with server.log_in("owner@example.com") as client:
        return "Authorization", client.headers["Authorization"]


class Target(NamedTuple):
    port: int
    request: Request


def in_turns(
    generator: Generator, targets: Sequence[Target], connections: int, *, rounds: int, seconds: float
) -> list[list[Figures]]:
    """Each target's figures, round by round. The targets take turns in going first."""
    seen: list[list[Figures]] = [[] for _ in targets]
    for target in targets:
        generator.measure(*target, connections, WARM_UP_SECONDS)
    for turn in range(rounds):
        for position in range(len(targets)):
            at = (turn + position) % len(targets)
            seen[at].append(generator.measure(*targets[at], connections, seconds))
    return seen
