"""How often somebody may try to log in and the like: counted in the database, for all processes together.

An attempt counts for the address that it comes from, and for the account as that address tries it: nobody can
lock an account's owner out from elsewhere. Counting begins anew WINDOW_SECONDS after the first attempt.
Whatever else may happen only so often is counted in the same way (`count`).

REST framework's throttles would not do: they read and write in two steps, which many requests at once get
through, and keep their counts in a cache that each process has for itself and that drops what does not fit.
"""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import AttemptCount, normalise_email
from core.problems import RateLimited

WINDOW_SECONDS = 600
_IPV6_SUBSCRIBER_BITS = 64  # whoever has one address of such a network has all of them


@dataclass(frozen=True)
class Attempt:
    """One that was counted."""

    keys: tuple[str, ...]

    def give_back(self) -> None:
        """It counts no more: whoever made it proved who they are, or the server was not up to it."""
        AttemptCount.objects.filter(key__in=self.keys, attempts__gt=0).update(attempts=F("attempts") - 1)


def begin(address: str | None, email: str) -> Attempt:
    """Counts an attempt. `email` is as it was given, whether it has an account or not, or empty.

    Raises RateLimited, and then counts nothing.
    """
    origin = _origin(address)
    bounds = {
        _key(origin): settings.AUTH_ATTEMPTS_PER_ADDRESS,
        _key(origin, normalise_email(email)): settings.AUTH_ATTEMPTS_PER_ACCOUNT,
    }
    keys = tuple(key for key, most in bounds.items() if most)
    with transaction.atomic():
        for key in keys:
            _count(key, bounds[key], "There were too many attempts from here.")
    return Attempt(keys)


def count(*what: str, most: int, refusal: str) -> None:
    """Counts one more of `what`, which may happen `most` times; not if the caller's transaction fails.

    Raises RateLimited, with the sentence `refusal` and when to try again, and then counts nothing.
    """
    with transaction.atomic():
        _count(_key("count", *what), most, refusal)


def forget_old() -> None:
    AttemptCount.objects.filter(ends_at__lte=timezone.now()).delete()


def _count(key: str, most: int, refusal: str) -> None:
    now = timezone.now()
    ends_at = now + timedelta(seconds=WINDOW_SECONDS)
    # Locked to the end of the transaction: of many at once, no more than `most` get through.
    row, _ = AttemptCount.objects.select_for_update().get_or_create(key=key, defaults={"ends_at": ends_at})
    if row.ends_at <= now:
        row.attempts, row.ends_at = 0, ends_at
    if row.attempts >= most:
        seconds = round((row.ends_at - now).total_seconds()) + 1
        problem = RateLimited(f"{refusal} Try again in {-(-seconds // 60)} min.")
        problem.headers["Retry-After"] = str(seconds)
        raise problem
    row.attempts += 1
    row.save()


def _origin(address: str | None) -> str:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:  # a Unix socket has no address
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _IPV6_SUBSCRIBER_BITS), strict=False))
    return str(found)


def _key(*parts: str) -> str:
    """No e-mail is kept, least of all one that has no account here."""
    return salted_hmac("accounts.rate_limits", "\n".join(parts), algorithm="sha256").hexdigest()
