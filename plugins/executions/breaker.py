"""Pauses a plugin that keeps failing and would otherwise keep taking workers from the others.

There are two budgets, one for faults (traps, crashes, limits) and one for calls that use up their time. With
a single budget, either slow plugins would be paused too soon or fast failures would go unnoticed. An error
that the plugin returns in its own words counts as neither. After the pause one trial call is let through. If
it succeeds the plugin resumes; otherwise it is paused for longer. Each server process counts only its own
calls.
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
_MAX_VERDICTS = 200

# How a call counts. "none" is for calls that did not run.
Verdict = Literal["good", "fault", "slow", "none"]


class _Ended(NamedTuple):
    at: float
    verdict: Verdict


@dataclass
class Breaker:
    """The breaker of one release.

    `fault_budget`, `slow_budget`: how many such calls within WINDOW_SECONDS pause the plugin, if they are
    more than half of its calls; 0 means no limit. `reason`: why it is paused; empty if it is not.
    """

    fault_budget: int
    slow_budget: int
    clock: Callable[[], float] = time.monotonic
    reason: str = ""
    _recent: deque[_Ended] = field(default_factory=lambda: deque(maxlen=_MAX_VERDICTS))
    _paused_until: float = 0.0
    _pause_seconds: float = field(default_factory=lambda: FIRST_PAUSE_SECONDS)
    _trial_running: bool = False

    def seconds_left(self) -> float:
        """How long calls are refused, or 0.0 if this one may run. After a pause it is then the trial call."""
        if not self.reason:
            return 0.0
        left = self._paused_until - self.clock()
        if left > 0 or self._trial_running:
            return max(left, 1.0)
        self._trial_running = True
        return 0.0

    def note(self, verdict: Verdict) -> bool:
        """Counts a call that ended. Returns whether that paused or resumed the plugin."""
        now = self.clock()
        if verdict == "none":
            self._trial_running = False
            return False
        if self.reason:
            self._trial_running = False
            if verdict != "good":
                self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)
                self._paused_until = now + self._pause_seconds
                return False
            self.reason, self._pause_seconds = "", FIRST_PAUSE_SECONDS
            self._recent.clear()
            return True
        self._recent.append(_Ended(now, verdict))
        if verdict == "good":
            return False
        self.reason = self._judge(now)
        self._paused_until = now + self._pause_seconds
        return bool(self.reason)

    def _judge(self, now: float) -> str:
        """The reason to pause the plugin now, or an empty string."""
        recent = [ended.verdict for ended in self._recent if ended.at > now - WINDOW_SECONDS]
        faults, slow = recent.count("fault"), recent.count("slow")
        if self.fault_budget and faults >= self.fault_budget and 2 * faults > len(recent):
            return f"{faults} of its last {len(recent)} calls failed"
        if self.slow_budget and slow >= self.slow_budget and 2 * slow > len(recent):
            return f"{slow} of its last {len(recent)} calls used up their time limit"
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
        raise PluginPaused(f"{reason}. It accepts a trial call in {left:.0f} s.", seconds=round(left + 0.5))


def record(slug: str, release_id: int, verdict: Verdict) -> None:
    """Counts a call that ended. Publishes an event to all logged-in users if the plugin pauses or resumes.

    The authentication plugin is exempt: an attacker who made it fail would lock everyone out.
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
    """Why the plugin is paused, or an empty string."""
    breaker = _breakers.get((slug, release_id)) if release_id is not None else None
    return breaker.reason if breaker else ""


def reset() -> None:
    """Forgets every call and ends every pause."""
    with _lock:
        _breakers.clear()
