"""Bounds on what can be tried at the authentication plugin, by whichever way it is called."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from accounts import rate_limits
from core.problems import Problem
from core.strict_json import parse_json

_GIVEN_BACK = {"login", "change_password"}  # after a success, which proves who it was
_COUNTED = _GIVEN_BACK | {"signup", "request_email_verification", "request_password_reset"}
_NAMES_ACCOUNT = ("email", "token")  # what a payload may tell it by: its address, or a session of its user
_MAX_READ_BYTES = 16 << 10


class Tried:
    """What became of the attempt; nothing is known of a call that nobody waits for."""

    succeeded = False
    problem: Problem | None = None

    def ended(self, problem: Problem | None) -> None:
        self.succeeded, self.problem = problem is None, problem


def is_counted(slug: str, function: str) -> bool:
    return slug == settings.AUTH_PLUGIN and function in _COUNTED


@contextmanager
def counted(slug: str, function: str, payload: bytes, address: str | None) -> Iterator[Tried]:
    """Around the call, which tells how it ended. Raises RateLimited before it begins."""
    tried = Tried()
    if not is_counted(slug, function):
        yield tried
        return
    attempt = rate_limits.count_attempt(address, _account_in(payload))
    try:
        yield tried
    except Problem as problem:
        tried.ended(problem)
        raise
    finally:
        proven = tried.succeeded and function in _GIVEN_BACK
        if proven or (tried.problem is not None and tried.problem.status >= 500):
            attempt.refund()


def _account_in(payload: bytes) -> str:
    """Whose account it is about; empty if that cannot be read, which then is one account to the address."""
    if len(payload) > _MAX_READ_BYTES:
        return ""
    try:
        data = parse_json(payload)
        named = next(data[member] for member in _NAMES_ACCOUNT if member in data)
    except (Problem, LookupError, TypeError, StopIteration):
        return ""
    return named if isinstance(named, str) else ""
