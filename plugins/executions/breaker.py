"""Pauses a plugin that keeps failing, so that it does not take worker after worker from the others.

Two budgets, for faults (traps, crashes, limits) and for calls that use up their time: one alone either pauses
what is merely slow to fail, or never notices what fails fast. What a plugin refuses in its own words counts
to neither. After the pause one call is let through; it decides whether the plugin goes on or pauses for
longer. Each server process judges by what it saw itself.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from django.conf import settings

from core import events
from plugins.history.journal import get_journal
from plugins.history.outcomes import PluginPaused

WINDOW_SECONDS = 60
FIRST_PAUSE_SECONDS = 10
LONGEST_PAUSE_SECONDS = 300
_REMEMBERED = 200


# A call that was kept from running says nothing.
Verdict = Literal["good", "fault", "slow", "none"]


class _Seen(NamedTuple):
    at: float
    verdict: Verdict


@dataclass
class Breaker:
    """One release's. `fault_budget`, `slow_budget`: how many within WINDOW_SECONDS; 0 for any number."""

    fault_budget: int
    slow_budget: int
    clock: Callable[[], float] = time.monotonic
    reason: str = ""
    _seen: deque[_Seen] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _until: float = 0.0
    _pause: float = FIRST_PAUSE_SECONDS
    _trying: bool = False

    def seconds_left(self) -> float:
        """How long no call is let through; 0.0 if one is. Whoever gets 0.0 in a pause is its one trial."""
        if not self.reason:
            return 0.0
        left = self._until - self.clock()
        if left > 0 or self._trying:
            return max(left, 1.0)
        self._trying = True
        return 0.0

    def note(self, verdict: Verdict) -> bool:
        """Counts a call that ended; whether that paused the plugin or let it go on again."""
        now = self.clock()
        if verdict == "none":
            self._trying = False
            return False
        if self.reason:
            self._trying = False
            if verdict != "good":
                self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
                self._until = now + self._pause
                return False
            self.reason, self._pause = "", FIRST_PAUSE_SECONDS
            self._seen.clear()
            return True
        self._seen.append(_Seen(now, verdict))
        if verdict == "good":
            return False
        self.reason = self._judge(now)
        self._until = now + self._pause
        return bool(self.reason)

    def _judge(self, now: float) -> str:
        recent = [seen.verdict for seen in self._seen if seen.at > now - WINDOW_SECONDS]
        faults, slow = recent.count("fault"), recent.count("slow")
        if self.fault_budget and faults >= self.fault_budget and 2 * faults > len(recent):
            return f"{faults} of its last {len(recent)} calls failed"
        if self.slow_budget and slow >= self.slow_budget and 2 * slow > len(recent):
            return f"{slow} of its last {len(recent)} calls used up their time"
        return ""


_lock = threading.Lock()
_breakers: dict[tuple[str, int], Breaker] = {}


def check(slug: str, release_id: int) -> None:
    """Raises PluginPaused."""
    with _lock:
        breaker = _breakers.get((slug, release_id))
        left = breaker.seconds_left() if breaker else 0.0
        reason = breaker.reason if breaker else ""
    if left:
        raise PluginPaused(f"{reason}. It is tried again in {left:.0f} s.", seconds=round(left + 0.5))


def record(slug: str, release_id: int, verdict: Verdict) -> None:
    """Counts a call that ended, and tells everybody who is logged in of a change.

    Never of the plugin that logs people in: whoever made that one fail would shut everybody out.
    """
    if slug == settings.AUTH_PLUGIN:
        return
    with _lock:
        breaker = _breakers.get((slug, release_id))
        if breaker is None:
            breaker = Breaker(settings.PLUGIN_FAULT_BUDGET, settings.PLUGIN_SLOW_BUDGET)
            _breakers[slug, release_id] = breaker
        changed, reason = breaker.note(verdict), breaker.reason
    if changed:
        kind = "plugin.paused" if reason else "plugin.resumed"
        get_journal().publish(events.Event(kind, {"slug": slug, "reason": reason}, [], to_all=True))


def paused(slug: str, release_id: int | None) -> str:
    """Why the plugin is paused; empty if it is not."""
    breaker = _breakers.get((slug, release_id)) if release_id is not None else None
    return breaker.reason if breaker else ""


def reset() -> None:
    """Forgets everything."""
    with _lock:
        _breakers.clear()
