"""The egress gate: sends a guest's HTTP request to an outside address that an administrator granted.

Bundles that the server downloads for an administrator (plugins.registry.downloads) pass the same gate.

Each hop, redirects included, takes these steps in order:

1. The URL parses in our one strict form (plugins.egress.url_rules).
2. A rule grants the address and method.
3. The host name is resolved, once.
4. Every resolved address is allowed (plugins.egress.ip_policy).
5. The connection goes to one of exactly those addresses (plugins.egress.connector).

Size and time are limited. plugins.egress.problems lists what can go wrong.
"""

import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import httpcore
from django.conf import settings

from core.problems import PayloadTooLarge, Problem
from plugins.egress.connector import (
    MAX_HEAD_BYTES,
    Connector,
    HeadTooLong,
    Resolve,
    look_up,
    system_addresses,
)
from plugins.egress.headers import (
    request_headers,
    response_headers,
    safe_across_origins,
    without_content_headers,
)
from plugins.egress.ip_policy import Destinations, IPAddress
from plugins.egress.loop_guard import own_pseudonym
from plugins.egress.problems import (
    MAX_REDIRECTS,
    EgressRefused,
    EgressTimeout,
    EgressTooLarge,
    EgressTooManyRedirects,
    EgressUnreachable,
    NetworkNotGranted,
)
from plugins.egress.url_rules import DEFAULT_PORTS, METHODS, Address, InvalidAddress

logger = logging.getLogger("hostbridge.egress")

MAX_REQUEST_BYTES = 1 << 20
MAX_CHUNKS = 1 << 15  # a megabyte in one-byte chunks would take this process half a minute


@dataclass(frozen=True)
class Request:
    """A request as the guest made it. Nothing in it is trusted."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """Header names are lower-case; the values of a repeated header are joined by commas."""

    status: int
    headers: dict[str, str]
    body: bytes


@lru_cache(maxsize=1)
def system_trust() -> ssl.SSLContext:
    """Verifies certificates against the operating system's store."""
    return ssl.create_default_context()


@dataclass(frozen=True)
class Gate:
    """Settings that apply to every plugin's requests. `via` names this server (RFC 9110, 7.6.3)."""

    destinations: Destinations
    max_response_bytes: int
    timeout_seconds: float
    via: str
    resolve: Resolve = system_addresses
    trust: Callable[[], ssl.SSLContext] = system_trust


class Allows(Protocol):
    """Decides whether a request may leave; usually a granted Rule."""

    def allows(self, method: str, address: Address) -> bool: ...


# Called with the subject ("GET https://host/path"), the status and the start, a time.perf_counter().
Record = Callable[[str, int, float], None]


def get_gate() -> Gate:
    """The gate that the settings describe."""
    public = urlsplit(settings.PUBLIC_URL)
    public_port = public.port or DEFAULT_PORTS[public.scheme]
    own_names = {(public.hostname or "", public_port), (settings.HOST.lower(), settings.PORT)}
    return Gate(
        destinations=Destinations(
            exceptions=settings.EGRESS_ALLOW_PRIVATE,
            own_names=frozenset(own_names),
            own_ports=frozenset({settings.PORT, public_port}),
        ),
        max_response_bytes=settings.EGRESS_MAX_RESPONSE_BYTES,
        timeout_seconds=settings.EGRESS_TIMEOUT_MS / 1000,
        via=own_pseudonym(),
    )


def fetch(request: Request, rules: Sequence[Allows], gate: Gate, deadline: float, record: Record) -> Response:
    """The response from outside, after redirects. `deadline`, a time.monotonic(), covers all hops together.

    `record` is called for every hop, including refused ones. Raises the problems in plugins.egress.problems,
    and InvalidInput or PayloadTooLarge for a request that cannot be sent.
    """
    deadline = min(deadline, time.monotonic() + gate.timeout_seconds)
    for _ in range(MAX_REDIRECTS + 1):
        response = _fetch_hop(request, rules, gate, deadline, record)
        location = response.headers.get("location")
        if response.status not in {301, 302, 303, 307, 308} or location is None:
            return response
        request = _redirected(request, response.status, location)
    raise EgressTooManyRedirects


def _fetch_hop(
    request: Request, rules: Sequence[Allows], gate: Gate, deadline: float, record: Record
) -> Response:
    started = time.perf_counter()
    subject, status = "", 500
    try:
        address = _parse(request.url)
        subject = f"{request.method if request.method in METHODS else '?'} {address}"
        if not any(rule.allows(request.method, address) for rule in rules):
            raise NetworkNotGranted
        response = _exchange(request, address, gate, deadline)
        status = response.status
    except Problem as problem:
        status = problem.status
        raise
    finally:
        record(subject, status, started)
    return response


def _parse(url: str) -> Address:
    try:
        return Address.parse(url)
    except InvalidAddress as error:
        raise NetworkNotGranted(str(error)) from error


def _exchange(request: Request, address: Address, gate: Gate, deadline: float) -> Response:
    has_length = bool(request.body) or request.method not in {"GET", "HEAD"}
    headers = request_headers(
        request.headers,
        host=address.authority,
        via=gate.via,
        content_length=len(request.body) if has_length else None,
    )
    if len(request.body) > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(f"The body of a request may have at most {MAX_REQUEST_BYTES} bytes.")
    try:
        connector = Connector(_resolve(address, gate, deadline), deadline)
        return _send(request, headers, address, connector, gate)
    except TimeoutError as error:
        raise EgressTimeout(f"{address.authority} did not send a complete response in time.") from error
    except HeadTooLong as error:
        raise EgressTooLarge(
            f"{address.authority} sent more than {MAX_HEAD_BYTES} bytes before the end of its headers."
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise EgressUnreachable(
            f"The certificate of {address.authority} could not be verified: {error.verify_message}."
        ) from error
    except (OSError, httpcore.NetworkError) as error:
        raise EgressUnreachable(f"The connection to {address.authority} failed.") from error
    except httpcore.ProtocolError as error:
        raise EgressUnreachable(f"The response of {address.authority} is not valid HTTP.") from error


def _resolve(address: Address, gate: Gate, deadline: float) -> list[IPAddress]:
    """The IP addresses of the host. Raises EgressRefused unless all of them are allowed."""
    host, port = address.host, address.port
    if gate.destinations.is_own_name(host, port):
        raise EgressRefused(f"{address.authority} is this server itself.")
    resolved = look_up(host, port, gate.resolve, deadline)
    for ip_address in resolved:
        if reason := gate.destinations.reason_to_refuse(host, port, ip_address):
            # Log the IP address for the operator only: a guest must not learn how names resolve in here.
            logger.warning("Refused a request to %s: %s %s", address.authority, ip_address, reason)
            raise EgressRefused(f"{address.authority} resolves to an address that {reason}.")
    return resolved


def _send(
    request: Request, headers: list[tuple[bytes, bytes]], address: Address, connector: Connector, gate: Gate
) -> Response:
    url = httpcore.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=address.target.encode(),
    )
    trust = gate.trust() if address.scheme == "https" else None
    # A connection of its own for each request: it goes to the addresses just checked, and plugins share none.
    with httpcore.HTTPConnection(url.origin, trust, network_backend=connector) as connection:
        response = connection.handle_request(
            httpcore.Request(request.method.encode(), url, headers=headers, content=request.body)
        )
        connector.head_limit.is_complete = True
        try:
            received = response_headers(response.headers)
            return Response(response.status, received, _read_body(response, gate.max_response_bytes))
        finally:
            response.close()


def _read_body(response: httpcore.Response, max_bytes: int) -> bytes:
    """The body as received. Nothing is decompressed, so a small response cannot become a large one."""
    body = bytearray()
    for number, chunk in enumerate(response.iter_stream()):
        body += chunk
        if len(body) > max_bytes:
            raise EgressTooLarge(f"A response may have at most {max_bytes} bytes.")
        if number >= MAX_CHUNKS:
            raise EgressTooLarge(f"A response may have at most {MAX_CHUNKS} chunks.")
    return bytes(body)


def _redirected(request: Request, status: int, location: str) -> Request:
    """The next request (RFC 9110, 15.4): possibly a GET without a body, and no secrets for another origin."""
    try:
        url = urljoin(request.url, location)
        same_origin = _parse(url).origin == _parse(request.url).origin
    except (ValueError, NetworkNotGranted):
        # The next hop refuses this URL and records that.
        return Request(request.method, location, {}, b"")
    headers, method, body = dict(request.headers), request.method, request.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, body = "GET", b""
        headers = without_content_headers(headers)
    if not same_origin:
        headers = safe_across_origins(headers)
    return Request(method, url, headers, body)
