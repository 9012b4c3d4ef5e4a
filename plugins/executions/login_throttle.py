"""Rate-limits log-in, sign-up and similar attempts, however the authentication plugin is called."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.conf import settings

from accounts import rate_limits
from core.problems import Problem
from plugins.runtime.engine import Offload

_REFUNDED = {"login", "change_password"}  # success proves the caller's identity
_COUNTED = _REFUNDED | {"signup", "request_email_verification", "request_password_reset"}
_ACCOUNT_MEMBERS = ("email", "token")  # input members that identify the account: its address, or a session


class Attempt:
    """The caller sets `succeeded` or `problem` before the attempt ends. By default the attempt counts."""

    succeeded = False
    problem: Problem | None = None


@asynccontextmanager
async def attempt(
    slug: str, function: str, payload: bytes, address: str | None, offload: Offload
) -> AsyncIterator[Attempt]:
    """Counts the call in the `async with` block if it is an attempt. Raises RateLimited before the block.

    Attempts that prove the caller's identity are refunded, and so are those that end in a server error.
    """
    attempt = Attempt()
    if slug != settings.AUTH_PLUGIN or function not in _COUNTED:
        yield attempt
        return
    counted = await offload(lambda: rate_limits.count_attempt(address, _account_in(payload)))
    try:
        yield attempt
    except Problem as problem:
        attempt.problem = problem
        raise
    finally:
        proven = attempt.succeeded and function in _REFUNDED
        if proven or (attempt.problem is not None and attempt.problem.status >= 500):
            await offload(counted.refund)


def _account_in(payload: bytes) -> str:
    """The account that the input names. Empty if that cannot be read; all such count as one account."""
    # Lenient, because a plugin may accept what the server's own parser refuses, or an array of the values.
    try:
        data = json.loads(payload)
        if isinstance(data, list):
            account = data[0]
        else:
            account = next(data[member] for member in _ACCOUNT_MEMBERS if member in data)
    except (ValueError, LookupError, TypeError, StopIteration, RecursionError):
        return ""
    return account.encode(errors="replace").decode() if isinstance(account, str) else ""
