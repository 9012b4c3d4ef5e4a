"""Which headers a guest may send to an outside address, and which of the response it may see."""

import re
from collections.abc import Iterable, Mapping

from core.problems import InvalidInput
from plugins.egress.problems import EgressTooLarge

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 << 10
# https://www.rfc-editor.org/rfc/rfc9110#name-connection. The header Connection may name more.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
     "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
# Set by the gate: where the request goes, how long it is, who sent it. A guest has no cookies.
_SET_BY_GATE = frozenset(
    {"host", "content-length", "expect", "cookie", "accept-encoding", "via", "forwarded"}
)
# Some servers take the method or the address from these instead of from the request that was granted.
_OVERRIDES = frozenset(
    {"x-http-method", "x-http-method-override", "x-method-override", "x-original-method", "x-original-url",
     "x-rewrite-url"}
)  # fmt: skip
_FORBIDDEN_PREFIXES = ("x-forwarded-", "proxy-", "sec-")
_HIDDEN_FROM_GUESTS = frozenset({"set-cookie", "set-cookie2"})
# May follow a redirect to another origin. Any other header could be a secret meant for the first origin.
_SAFE_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "content-type"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def request_headers(
    guest_headers: Mapping[str, str], *, host: str, via: str, content_length: int | None
) -> list[tuple[bytes, bytes]]:
    """The headers to send: the guest's, without those that it may not set, and the gate's own.

    Raises InvalidInput.
    """
    given = {name.lower(): value for name, value in guest_headers.items()}
    if len(given) > MAX_HEADERS or sum(len(n) + len(v) for n, v in given.items()) > MAX_HEADER_BYTES:
        raise InvalidInput(
            f"A request may have at most {MAX_HEADERS} headers and {MAX_HEADER_BYTES} bytes of headers."
        )
    for name, value in given.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidInput(f"The header {name[:100]!r} contains characters that HTTP does not allow.")
    connection_options = map(_canonical, _options(given.get("connection", "")))
    dropped = _HOP_BY_HOP | _SET_BY_GATE | _OVERRIDES | set(connection_options)
    headers = {"user-agent": "Hostbridge"} | {
        name: value.strip()
        for name, value in given.items()
        if _canonical(name) not in dropped and not _canonical(name).startswith(_FORBIDDEN_PREFIXES)
    }
    headers |= {"host": host, "via": f"1.1 {via}", "connection": "close", "accept-encoding": "identity"}
    if content_length is not None:
        headers["content-length"] = str(content_length)
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def response_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers for the guest, without those meant for the connection or for a browser.

    Names are lower-case; the values of a repeated header are joined by commas. Raises EgressTooLarge.
    """
    headers: dict[str, str] = {}
    count = size = 0
    for name, value in ((name.decode("ascii").lower(), value.decode("latin-1")) for name, value in raw):
        count, size = count + 1, size + len(name) + len(value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise EgressTooLarge(
            f"A response may have at most {MAX_HEADERS} headers and {MAX_HEADER_BYTES} bytes of headers."
        )
    dropped = _HOP_BY_HOP | _HIDDEN_FROM_GUESTS | _options(headers.get("connection", ""))
    return {name: value for name, value in headers.items() if name not in dropped}


def without_content_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """For a redirected request that has lost its body."""
    return {name: value for name, value in headers.items() if not name.lower().startswith("content-")}


def safe_across_origins(headers: Mapping[str, str]) -> dict[str, str]:
    """For a redirect to another origin: drops whatever could be a secret."""
    return {name: value for name, value in headers.items() if name.lower() in _SAFE_ACROSS_ORIGINS}


def _canonical(name: str) -> str:
    """One spelling for all names that CGI and WSGI treat as the same: x_forwarded_for is X-Forwarded-For."""
    return re.sub("[^a-z0-9]", "-", name)


def _options(connection: str) -> set[str]:
    """The names listed in a Connection header."""
    return {name.strip().lower() for name in connection.split(",")}
