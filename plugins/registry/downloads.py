"""Fetches a bundle from an address that an administrator names, through the egress gate.

A plugin reaches granted addresses only. Here any https address is allowed, and http for those that the
operator listed in EGRESS_ALLOW_PRIVATE. Otherwise the rules for plugins apply: one form of address, one DNS
look-up, public addresses only, each redirect checked anew, limits on size and time. The server at the address
is not trusted: its bytes must have the digest that the administrator got from the bundle's author.
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
from plugins.egress.gate import get_gate
from plugins.egress.ip_policy import Destinations
from plugins.egress.problems import (
    EgressRefused,
    EgressTimeout,
    EgressTooLarge,
    EgressUnreachable,
    NetworkNotGranted,
)
from plugins.egress.url_rules import Address, InvalidAddress
from plugins.history.outcomes import PoolOverloaded

logger = logging.getLogger("hostbridge.downloads")

SECONDS = 60.0  # for the whole download, redirects included
AT_ONCE = 4  # each takes a thread, and memory for twice the size of a bundle
_slots = threading.BoundedSemaphore(AT_ONCE)

_NOT_HTTPS = (
    "Use an https:// address. http:// works only for a host and port that EGRESS_ALLOW_PRIVATE names."
)


class BundleNotServed(Problem):
    status = 502
    code = "bundle-not-served"
    title = "The address did not return a bundle"


class DigestDiffers(InvalidInput):
    """Reveals nothing about the fetched bytes, which may be someone else's."""

    code = "digest-differs"
    title = "The bundle does not match its digest"
    default_detail = (
        "The file at this address has another sha256. Compare both address and digest with what the author "
        "publishes. Do not compute the digest from the file you find there."
    )


@dataclass(frozen=True)
class _Sources:
    """The egress rule for downloads: which addresses bundles may come from."""

    destinations: Destinations

    def allows(self, method: str, address: Address) -> bool:
        return address.scheme == "https" or self.destinations.is_exception(address.host, address.port)


def fetch(url: str, sha256: str) -> bytes:
    """The bytes at the address, if they have this digest (hex).

    Blocks for up to SECONDS, so never call it on the event loop.

    Raises InvalidInput for an address that is not allowed, PoolOverloaded while AT_ONCE other downloads run,
    the gate's EgressRefused, EgressUnreachable, EgressTooLarge (over PLUGIN_MAX_BUNDLE_BYTES) and
    EgressTimeout, BundleNotServed for a status other than 200, and DigestDiffers.
    """
    if not _slots.acquire(blocking=False):
        raise PoolOverloaded(f"{AT_ONCE} other bundles are being fetched. Try again in a moment.")
    try:
        data = _fetch(url)
    finally:
        _slots.release()
    if hashlib.sha256(data).hexdigest() != sha256.lower():
        raise DigestDiffers
    return data


def _fetch(url: str) -> bytes:
    gate = replace(get_gate(), max_response_bytes=settings.PLUGIN_MAX_BUNDLE_BYTES, timeout_seconds=SECONDS)
    sources = _Sources(gate.destinations)
    _check_address(url, sources)
    hops: list[str] = []
    try:
        request = egress.Request("GET", url, {}, b"")
        response = egress.fetch(request, [sources], gate, math.inf, lambda hop, *_: hops.append(hop))
    except Problem as problem:
        _raise_with_advice(problem, hops)
    finally:
        logger.info("Asked for a bundle: %s", ", then ".join(hops))
    if response.status != 200:
        raise BundleNotServed(
            f"{_last_address(hops)} answered with status {response.status}. "
            "The address must lead to the .zip itself, without a log-in."
        )
    return response.body


def _check_address(url: str, sources: _Sources) -> None:
    """Raises InvalidInput for an address that is not allowed."""
    try:
        address = Address.parse(url)
    except InvalidAddress as error:
        raise InvalidInput.at("/url", str(error)) from error
    if not sources.allows("GET", address):
        raise InvalidInput.at("/url", _NOT_HTTPS)


def _raise_with_advice(problem: Problem, hops: list[str]) -> NoReturn:
    """Raises the gate's problem with advice for an administrator."""
    match problem:
        case NetworkNotGranted():  # a redirect: the first address was checked
            raise EgressRefused(
                f"{_last_address(hops[:-1])} redirects to an address that is not allowed. {_NOT_HTTPS}"
            ) from problem
        case EgressRefused():
            advice = "A private address works only if the operator names it in EGRESS_ALLOW_PRIVATE."
        case EgressUnreachable():
            advice = "Check the address, or upload the bundle."
        case EgressTooLarge():
            advice = "The limit is that of uploads (PLUGIN_MAX_BUNDLE_BYTES)."
        case EgressTimeout():
            advice = f"A download may take {SECONDS:g} s. Try again, or upload the bundle."
        case _:
            raise problem
    raise type(problem)(f"{problem.detail} {advice}") from problem


def _last_address(hops: list[str]) -> str:
    """The address that was asked last, without its query, which may hold secrets."""
    return hops[-1].removeprefix("GET ")
