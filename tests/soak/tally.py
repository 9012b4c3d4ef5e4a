"""Counts the answers that the clients get."""

import threading
from collections import Counter
from typing import Literal

# busy: the server was overloaded. left: the client hung up before the answer. lost: no answer came.
Outcome = Literal["right", "busy", "left", "lost", "wrong"]
_MAX_DETAILS = 20


class Tally:
    """The answers to all clients. Thread-safe."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, Outcome]] = Counter()
        self.wrong: list[str] = []
        self.lost: list[str] = []
        self.ends: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def count(self, kind: str, outcome: Outcome, detail: str = "") -> None:
        """`detail` says what was wrong, or how the answer was lost."""
        with self._lock:
            self.outcomes[kind, outcome] += 1
            details = {"wrong": self.wrong, "lost": self.lost}.get(outcome)
            if details is not None and len(details) < _MAX_DETAILS:
                details.append(f"{kind}: {detail}")

    def expect_end(self, execution_id: str, states: set[str]) -> None:
        """The server named this execution; its record must end in one of these states."""
        with self._lock:
            self.ends[execution_id] = states

    def total(self, outcome: Outcome) -> int:
        with self._lock:
            return sum(count for (_kind, was), count in self.outcomes.items() if was == outcome)
