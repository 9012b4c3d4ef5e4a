"""Formats figures as tables, and judges them against goals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.load import Figures


@dataclass(frozen=True)
class Goal:
    """A lower bound for a figure, or an upper bound with `at_most`."""

    bound: float
    at_most: bool = False

    def judge(self, value: float) -> str:
        met = value <= self.bound if self.at_most else value >= self.bound
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g}, {'met' if met else 'not met'}"


def medians(rounds: Iterable[Figures]) -> Figures:
    return Figures(*(median(column) for column in zip(*rounds, strict=True)))


def ratio(ours: Sequence[Figures], theirs: Sequence[Figures], field: str = "per_second") -> float:
    """The median of the rounds' ratios. A slow spell of the machine slows down both sides of a round."""
    pairs = zip(ours, theirs, strict=True)
    return float(median(getattr(mine, field) / getattr(other, field) for mine, other in pairs))


def heading(connections: int, what: str, *columns: str) -> str:
    title = f"{connections} connection{'s' if connections > 1 else ''}, {what}"
    return f"\n  {title:36}{'per second':>11}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}" + "".join(columns)


def row(name: str, figures: Figures, *columns: str) -> str:
    latencies = "".join(f"{value:>9.2f}" for value in figures[1:])
    return f"  {name:36}{figures.per_second:>11,.0f}{latencies}" + "".join(columns)


def single(name: str, value: str, note: str = "") -> str:
    return f"  {name:52}{value:>14}{'':4}{note}".rstrip()
