"""Fetches a bundle from where an administrator says that it is, through the gate that plugins' requests take.

Where a plugin has the addresses that it was granted, here any is allowed by https, and by http those that the
operator excepted (EGRESS_ALLOW_PRIVATE). All else holds as for plugins: one form of address, one look-up,
public addresses only, each redirect judged anew, bounds on size and time. What answers is not trusted: the
bytes count only if they have the digest that the administrator knows from elsewhere.
"""

import hashlib
import logging
import math
import threading
from dataclasses import dataclass, replace
from typing import NoReturn

from django.conf import settings

from core.problems import InvalidInput, Problem
from plugins.egress import gate as egress
from plugins.egress.addresses import Address, InvalidAddress
from plugins.egress.destinations import Destinations
from plugins.egress.gate import get_gate
from plugins.egress.problems import (
    EgressRefused,
    EgressTimeout,
    EgressTooLarge,
    EgressUnreachable,
    NetworkNotGranted,
)
from plugins.history.outcomes import PoolOverloaded

logger = logging.getLogger("hostbridge.downloads")

SECONDS = 60.0  # for all of it, redirects included
AT_ONCE = 4  # each takes a thread, and twice the size of a bundle
_places = threading.BoundedSemaphore(AT_ONCE)

_NOT_HTTPS = (
    "Bundles are fetched by https://, or by http:// where EGRESS_ALLOW_PRIVATE names the host and port."
)


class BundleNotServed(Problem):
    status = 502
    code = "bundle-not-served"
    title = "There is no bundle at this address"


class DigestDiffers(InvalidInput):
    """Says nothing of what was fetched: it may be somebody else's."""

    code = "digest-differs"
    title = "What is at this address is not the bundle that was meant"
    default_detail = (
        "Its sha256 is another one. Compare address and digest with those its author publishes, and do not "
        "take the digest of what you find there for theirs."
    )


@dataclass(frozen=True)
class _Sources:
    """Where bundles may come from, as a rule for the gate."""

    destinations: Destinations

    def allows(self, method: str, address: Address) -> bool:
        return address.scheme == "https" or self.destinations.is_exception(address.host, address.port)


def fetch(url: str, sha256: str) -> bytes:
    """The bytes there, if they have this digest (hex). Blocks, for SECONDS at most: not for the event loop.

    Raises InvalidInput for an address that is not taken, PoolOverloaded if AT_ONCE others go on, the gate's
    EgressRefused, EgressUnreachable, EgressTooLarge (over PLUGIN_MAX_BUNDLE_BYTES) and EgressTimeout,
    BundleNotServed for an answer other than 200, and DigestDiffers.
    """
    if not _places.acquire(blocking=False):
        raise PoolOverloaded(f"{AT_ONCE} bundles are being fetched already. Try again in a moment.")
    try:
        data = _fetch(url)
    finally:
        _places.release()
    if hashlib.sha256(data).hexdigest() != sha256.lower():
        raise DigestDiffers
    return data


def _fetch(url: str) -> bytes:
    gate = replace(get_gate(), max_response_bytes=settings.PLUGIN_MAX_BUNDLE_BYTES, timeout_seconds=SECONDS)
    sources = _Sources(gate.destinations)
    _check(url, sources)
    hops: list[str] = []
    try:
        request = egress.Request("GET", url, {}, b"")
        response = egress.fetch(request, [sources], gate, math.inf, lambda hop, *_: hops.append(hop))
    except Problem as problem:
        _tell(problem, hops)
    finally:
        logger.info("A bundle was asked for: %s", ", then ".join(hops))
    if response.status != 200:
        raise BundleNotServed(
            f"{_place(hops)} answered with the status {response.status}. The address must lead to the .zip "
            "itself, without a log-in."
        )
    return response.body


def _check(url: str, sources: _Sources) -> None:
    """Raises InvalidInput if nothing is to be asked there."""
    try:
        address = Address.parse(url)
    except InvalidAddress as error:
        raise InvalidInput.at("/url", str(error)) from error
    if not sources.allows("GET", address):
        raise InvalidInput.at("/url", _NOT_HTTPS)


def _tell(problem: Problem, hops: list[str]) -> NoReturn:
    """Raises the gate's problem in words for an administrator: where it was, and what can be done."""
    match problem:
        case NetworkNotGranted():  # not the first address: that was checked
            raise EgressRefused(
                f"{_place(hops[:-1])} redirects to where nothing is fetched. {_NOT_HTTPS}"
            ) from problem
        case EgressRefused():
            advice = (
                "Private addresses are asked only where the operator excepted them (EGRESS_ALLOW_PRIVATE)."
            )
        case EgressUnreachable():
            advice = "Check the address, or upload the bundle."
        case EgressTooLarge():
            advice = "The bound is that of uploads (PLUGIN_MAX_BUNDLE_BYTES)."
        case EgressTimeout():
            advice = f"It has {SECONDS:g} s for all of it. Try again, or upload the bundle."
        case _:
            raise problem
    raise type(problem)(f"{problem.detail} {advice}") from problem


def _place(hops: list[str]) -> str:
    """The last of the addresses that were asked, without its query, which may hold secrets."""
    return hops[-1].removeprefix("GET ")
