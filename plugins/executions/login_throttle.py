"""Limits attempts to log in, sign up and the like, however the authentication plugin is called."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.conf import settings

from accounts import rate_limits
from core.problems import Problem
from plugins.runtime.engine import Offload

_REFUNDED = {"login", "change_password"}  # after a success, which proves who it was
_COUNTED = _REFUNDED | {"signup", "request_email_verification", "request_password_reset"}
_ACCOUNT_MEMBERS = ("email", "token")  # members of the input that name the account: its address, or a session


class Attempt:
    """Set `succeeded` or `problem` before the attempt ends. Left alone, it counts."""

    succeeded = False
    problem: Problem | None = None


@asynccontextmanager
async def attempt(
    slug: str, function: str, payload: bytes, address: str | None, offload: Offload
) -> AsyncIterator[Attempt]:
    """Counts the call made within, unless it is no attempt. Raises RateLimited before it begins.

    An attempt that proves who made it is refunded, and one that the server itself failed.
    """
    made = Attempt()
    if slug != settings.AUTH_PLUGIN or function not in _COUNTED:
        yield made
        return
    counted = await offload(lambda: rate_limits.count_attempt(address, _account_in(payload)))
    try:
        yield made
    except Problem as problem:
        made.problem = problem
        raise
    finally:
        proven = made.succeeded and function in _REFUNDED
        if proven or (made.problem is not None and made.problem.status >= 500):
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
