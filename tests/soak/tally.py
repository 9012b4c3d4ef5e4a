"""What the clients saw, added up."""

import threading
from collections import Counter
from typing import Literal

# busy: told to come back later. left: the client hung up before the answer. lost: none came.
Outcome = Literal["right", "busy", "left", "lost", "wrong"]
_WORDS_KEPT = 20


class Tally:
    """Of all clients; thread-safe."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, Outcome]] = Counter()
        self.wrong: list[str] = []
        self.lost: list[str] = []
        self.ends: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def count(self, kind: str, outcome: Outcome, words: str = "") -> None:
        """`words`: what was wrong, or how it was lost."""
        with self._lock:
            self.outcomes[kind, outcome] += 1
            kept = {"wrong": self.wrong, "lost": self.lost}.get(outcome)
            if kept is not None and len(kept) < _WORDS_KEPT:
                kept.append(f"{kind}: {words}")

    def expect_end(self, execution_id: str, states: set[str]) -> None:
        """The server named this execution; its record must end in one of these states."""
        with self._lock:
            self.ends[execution_id] = states

    def total(self, outcome: Outcome) -> int:
        with self._lock:
            return sum(count for (_kind, was), count in self.outcomes.items() if was == outcome)
