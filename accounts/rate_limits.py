"""Limits on how often someone may attempt to log in and the like, for all server processes together.

An attempt counts for the client's address, and for the account as tried from that address, so nobody can lock
an account's owner out from elsewhere. A counter starts again WINDOW_SECONDS after its first attempt. `count`
limits anything else in the same way.

REST framework's throttles are no alternative. They read and write in two steps, so many concurrent requests
pass, and they keep their counters in a cache that each process has for itself and that drops entries when it
is full.
"""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.email_addresses import normalise_email
from accounts.models import AttemptCount
from core.problems import RateLimited

WINDOW_SECONDS = 600
_IPV6_PREFIX_BITS = 64  # someone who has one address of such a network has all of them


@dataclass(frozen=True)
class Attempt:
    """An attempt that was counted."""

    keys: tuple[str, ...]

    def refund(self) -> None:
        """Uncounts the attempt, because the caller proved their identity or the server failed."""
        AttemptCount.objects.filter(key__in=self.keys, attempts__gt=0).update(attempts=F("attempts") - 1)


def count_attempt(address: str | None, email: str) -> Attempt:
    """Counts an attempt from this address. `email` is what the caller entered, even if it has no account.

    Raises RateLimited, without counting, if there were too many.
    """
    origin = _origin(address)
    limits = {
        _key(origin): settings.AUTH_ATTEMPTS_PER_ADDRESS,
        _key(origin, normalise_email(email)): settings.AUTH_ATTEMPTS_PER_ACCOUNT,
    }
    keys = tuple(key for key, limit in limits.items() if limit)
    with transaction.atomic():
        for key in keys:
            _count(key, limits[key], "Too many attempts.")
    return Attempt(keys)


def count(*what: str, limit: int, refusal: str) -> None:
    """Counts one more of `what`, up to `limit` per window. A rollback of the caller's transaction undoes it.

    Raises RateLimited, without counting, with the sentence `refusal` and the time to wait.
    """
    with transaction.atomic():
        _count(_key("count", *what), limit, refusal)


def delete_expired() -> None:
    AttemptCount.objects.filter(ends_at__lte=timezone.now()).delete()


def _count(key: str, limit: int, refusal: str) -> None:
    now = timezone.now()
    ends_at = now + timedelta(seconds=WINDOW_SECONDS)
    # Locked until the transaction ends, so that concurrent attempts cannot exceed the limit.
    row, _ = AttemptCount.objects.select_for_update().get_or_create(key=key, defaults={"ends_at": ends_at})
    if row.ends_at <= now:
        row.attempts, row.ends_at = 0, ends_at
    if row.attempts >= limit:
        seconds = round((row.ends_at - now).total_seconds()) + 1
        problem = RateLimited(f"{refusal} Try again in {-(-seconds // 60)} min.")
        problem.headers["Retry-After"] = str(seconds)
        raise problem
    row.attempts += 1
    row.save()


def _origin(address: str | None) -> str:
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:  # a Unix socket has no address
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX_BITS), strict=False))
    return str(parsed)


def _key(*parts: str) -> str:
    """A keyed hash, so that no e-mail address is stored here, least of all one without an account."""
    return salted_hmac("accounts.rate_limits", "\n".join(parts), algorithm="sha256").hexdigest()
