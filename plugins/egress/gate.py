"""The egress gate: sends a guest's HTTP request to an outside address that an administrator granted.

Bundles that the server downloads for an administrator (plugins.registry.downloads) pass the same gate.

Each hop, redirects included, passes these steps in order: the address parses in our one strict form
(plugins.egress.addresses); a rule grants it; its name is resolved once; every resolved address is allowed
(plugins.egress.destinations); the connection goes to exactly one of them (plugins.egress.connector). Size and
time are bounded.

Forbidden
├── NetworkNotGranted        403  no rule grants this address and method
└── EgressRefused            403  the address is not public, or is this server itself
Problem
├── EgressUnreachable        502  no connection, no trust in its certificate, or no HTTP
│   └── EgressTooManyRedirects
├── EgressTooLarge           502  more than EGRESS_MAX_RESPONSE_BYTES, or too many headers
├── EgressTimeout            504  no full answer in time
└── RequestLoop              508  told to a request that came from a plugin of this very server
"""

import logging
import re
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import httpcore
from django.conf import settings

from core.problems import Forbidden, InvalidInput, PayloadTooLarge, Problem
from plugins.egress.addresses import DEFAULT_PORTS, METHODS, Address, InvalidAddress
from plugins.egress.connector import Connector, HeadTooLong, Resolve, look_up, system_addresses
from plugins.egress.destinations import Destinations, IPAddress
from plugins.egress.loop_guard import own_pseudonym

logger = logging.getLogger("hostbridge.egress")

MAX_REDIRECTS = 5
MAX_REQUEST_BYTES = 1 << 20
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 << 10
MAX_PIECES = 1 << 15  # one byte to a chunk would cost this process, too, half a minute for a megabyte
# https://www.rfc-editor.org/rfc/rfc9110#name-connection, and what "Connection" names besides.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
     "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
# Ours to say: where the request goes, how long it is, who sent it. A guest has no cookies.
_OURS = frozenset({"host", "content-length", "expect", "cookie", "accept-encoding", "via", "forwarded"})
# What some servers take for the method or the address instead of those that were granted.
_OVERRIDES = frozenset(
    {"x-http-method", "x-http-method-override", "x-method-override", "x-original-method", "x-original-url",
     "x-rewrite-url"}
)  # fmt: skip
_NEVER_SENT = ("x-forwarded-", "proxy-", "sec-")  # as their names begin
_NOT_FOR_GUESTS = frozenset({"set-cookie", "set-cookie2"})
# What may follow a redirect to another origin. Anything else could be a secret meant for the first.
_HARMLESS = frozenset({"accept", "accept-language", "content-type"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class NetworkNotGranted(Forbidden):
    code = "network-not-granted"
    title = "The plugin may not reach this address"
    default_detail = "No network rule of the plugin covers it, or an administrator has not granted that rule."


class EgressRefused(Forbidden):
    code = "egress-refused"
    title = "This address may not be connected to"


class EgressUnreachable(Problem):
    status = 502
    code = "egress-unreachable"
    title = "The address cannot be reached"


class EgressTooManyRedirects(EgressUnreachable):
    code = "egress-too-many-redirects"
    title = "The address redirects too often"
    default_detail = f"At most {MAX_REDIRECTS} redirects are followed."


class EgressTooLarge(Problem):
    status = 502
    code = "egress-too-large"
    title = "The answer from the address is too large"


class EgressTimeout(Problem):
    status = 504
    code = "egress-timeout"
    title = "The address did not answer in time"


@dataclass(frozen=True)
class Request:
    """As the guest made it: nothing in it is trusted."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """Header names are lower-case; a header that came more than once is joined by commas."""

    status: int
    headers: dict[str, str]
    body: bytes


@lru_cache(maxsize=1)
def system_trust() -> ssl.SSLContext:
    """Certificates are checked against the operating system's store."""
    return ssl.create_default_context()


@dataclass(frozen=True)
class Gate:
    """What holds for the requests of every plugin. `via`: how this server calls itself (RFC 9110, 7.6.3)."""

    destinations: Destinations
    max_response_bytes: int
    timeout_seconds: float
    via: str
    resolve: Resolve = system_addresses
    trust: Callable[[], ssl.SSLContext] = system_trust


class Allows(Protocol):
    """What lets requests out: a Rule that was granted, for the most part."""

    def allows(self, method: str, address: Address) -> bool: ...


# subject ("GET https://host/path"), status, when it began (a time.perf_counter())
Record = Callable[[str, int, float], None]


def fetch(request: Request, rules: Sequence[Allows], gate: Gate, deadline: float, record: Record) -> Response:
    """The answer from outside, redirects followed. `deadline` (a time.monotonic()) is for all of it.

    `record` hears of every hop, also of those that were refused. Raises the Problems above, and InvalidInput
    or PayloadTooLarge for a request that cannot be sent.
    """
    deadline = min(deadline, time.monotonic() + gate.timeout_seconds)
    for _ in range(MAX_REDIRECTS + 1):
        response = _hop(request, rules, gate, deadline, record)
        location = response.headers.get("location")
        if response.status not in {301, 302, 303, 307, 308} or location is None:
            return response
        request = _redirected(request, response.status, location)
    raise EgressTooManyRedirects


def _hop(request: Request, rules: Sequence[Allows], gate: Gate, deadline: float, record: Record) -> Response:
    started = time.perf_counter()
    subject, status = "", 500
    try:
        address = _parsed(request.url)
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


def _parsed(url: str) -> Address:
    try:
        return Address.parse(url)
    except InvalidAddress as error:
        raise NetworkNotGranted(str(error)) from error


def _exchange(request: Request, address: Address, gate: Gate, deadline: float) -> Response:
    headers = _outgoing(request, address, gate.via)
    if len(request.body) > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(f"A request may have at most {MAX_REQUEST_BYTES} bytes.")
    try:
        dialer = Connector(_allowed(address, gate, deadline), deadline)
        return _send(request, headers, address, dialer, gate)
    except TimeoutError as error:
        raise EgressTimeout(f"{address.authority} gave no full answer in the time that was left.") from error
    except HeadTooLong as error:
        raise EgressTooLarge(f"What {address.authority} says before its answer has no end.") from error
    except ssl.SSLCertVerificationError as error:
        raise EgressUnreachable(
            f"The certificate of {address.authority} is not to be trusted: {error.verify_message}."
        ) from error
    except (OSError, httpcore.NetworkError) as error:
        raise EgressUnreachable(f"There is no connection to {address.authority}.") from error
    except httpcore.ProtocolError as error:
        raise EgressUnreachable(f"What {address.authority} answers is not HTTP.") from error


def _allowed(address: Address, gate: Gate, deadline: float) -> list[IPAddress]:
    """The addresses of the host, if every one of them may be connected to. Raises EgressRefused."""
    host, port = address.host, address.port
    if gate.destinations.is_own_name(host, port):
        raise EgressRefused(f"{address.authority} is this server itself.")
    found = look_up(host, port, gate.resolve, deadline)
    for one in found:
        if why_not := gate.destinations.why_not(host, port, one):
            # For the operator; the guest is not told what a name means in here.
            logger.warning("A request was kept from %s: %s %s", address.authority, one, why_not)
            raise EgressRefused(f"{address.authority} leads to an address that {why_not}.")
    return found


def _send(
    request: Request, headers: list[tuple[bytes, bytes]], address: Address, dialer: Connector, gate: Gate
) -> Response:
    url = httpcore.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=address.target.encode(),
    )
    trust = gate.trust() if address.scheme == "https" else None
    # One connection for one request: what was checked is what is used, and plugins share nothing.
    with httpcore.HTTPConnection(url.origin, trust, network_backend=dialer) as connection:
        response = connection.handle_request(
            httpcore.Request(request.method.encode(), url, headers=headers, content=request.body)
        )
        dialer.head.whole = True
        try:
            received = _incoming(response.headers)
            return Response(response.status, received, _read(response, gate.max_response_bytes))
        finally:
            response.close()


def _read(response: httpcore.Response, most: int) -> bytes:
    """The body as it came: nothing is unpacked here, so a small answer cannot become a large one."""
    body = bytearray()
    for number, piece in enumerate(response.iter_stream()):
        body += piece
        if len(body) > most:
            raise EgressTooLarge(f"An answer may have at most {most} bytes.")
        if number >= MAX_PIECES:
            raise EgressTooLarge(f"An answer may come in at most {MAX_PIECES} pieces.")
    return bytes(body)


def _outgoing(request: Request, address: Address, via: str) -> list[tuple[bytes, bytes]]:
    """The headers to send: the guest's without those that are not its to set. Raises InvalidInput."""
    given = {name.lower(): value for name, value in request.headers.items()}
    if len(given) > MAX_HEADERS or sum(len(n) + len(v) for n, v in given.items()) > MAX_HEADER_BYTES:
        raise InvalidInput(f"At most {MAX_HEADERS} headers with {MAX_HEADER_BYTES} bytes can be sent.")
    for name, value in given.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidInput(f"The header {name[:100]!r} has characters that no header may have.")
    named = map(_as_read, _named(given.get("connection", "")))
    dropped = _HOP_BY_HOP | _OURS | _OVERRIDES | set(named)
    sent = {"user-agent": "Hostbridge"} | {
        name: value.strip()
        for name, value in given.items()
        if _as_read(name) not in dropped and not _as_read(name).startswith(_NEVER_SENT)
    }
    sent |= {"host": address.authority, "via": f"1.1 {via}", "connection": "close"}
    sent |= {"accept-encoding": "identity"}
    if request.body or request.method not in {"GET", "HEAD"}:
        sent["content-length"] = str(len(request.body))
    return [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]


def _incoming(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers for the guest, without what was meant for the connection or for a browser."""
    headers: dict[str, str] = {}
    count = size = 0
    for name, value in ((name.decode("ascii").lower(), value.decode("latin-1")) for name, value in raw):
        count, size = count + 1, size + len(name) + len(value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise EgressTooLarge(
            f"An answer may have at most {MAX_HEADERS} headers with {MAX_HEADER_BYTES} bytes."
        )
    dropped = _HOP_BY_HOP | _NOT_FOR_GUESTS | _named(headers.get("connection", ""))
    return {name: value for name, value in headers.items() if name not in dropped}


def _as_read(name: str) -> str:
    """The one name for all that CGI and WSGI take for it: to them x_forwarded_for is X-Forwarded-For."""
    return re.sub("[^a-z0-9]", "-", name)


def _named(connection: str) -> set[str]:
    return {name.strip().lower() for name in connection.split(",")}


def _redirected(request: Request, status: int, location: str) -> Request:
    """The next request (RFC 9110, 15.4): maybe a GET without a body, without secrets for another origin."""
    try:
        url = urljoin(request.url, location)
        same_origin = _parsed(url).origin == _parsed(request.url).origin
    except (ValueError, NetworkNotGranted):
        # It is refused as the next hop, where that is audited.
        return Request(request.method, location, {}, b"")
    headers, method, body = dict(request.headers), request.method, request.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, body = "GET", b""
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
    if not same_origin:
        headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
    return Request(method, url, headers, body)


def get_gate() -> Gate:
    """The egress gate, as the settings want it."""
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
