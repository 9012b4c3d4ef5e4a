"""Outside URLs in one strict form, and the network rules that grant access to them. Nothing is resolved here.

A URL is accepted only if every parser reads it the same way. Whatever would need decoding, normalising or
guessing ("..", "%2e", "//", "\\", 0x7f.1, user@host) is refused, so that a request reaches exactly what was
granted.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

# How a guest addresses its host. The name never resolves (RFC 6761), so no request can leave by mistake.
HOST_ORIGIN = "http://hostbridge.invalid"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARS = 4096

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
    r"(?:\?(?P<query>[\x21\x24-\x5b\x5d-\x7e]*))?"
    r"(?:#[\x21-\x7e]*)?"
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Resolvers take a host that ends in such a label for an IPv4 address:
# https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INVALID_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# An escaped dot, slash, backslash or control character, or the start of an overlong UTF-8 encoding of one,
# which some decoders accept. Repeated escaping (%252e) counts too, because some servers decode twice.
_HIDDEN_SYNTAX = re.compile(
    r"%(?:25)*(?:2e|2f|5c|[01][0-9a-f]|7f|c0|c1|e0%(?:25)*[89]|f0%(?:25)*8)", re.IGNORECASE
)


class InvalidAddress(ValueError):
    """The message says what is wrong with the URL."""


@dataclass(frozen=True)
class Address:
    """A parsed http or https URL. `host` is lower-case; an IPv6 address has no brackets."""

    scheme: str
    host: str
    port: int
    path: str
    query: str | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises InvalidAddress. Drops the fragment, which is never sent."""
        if len(url) > MAX_URL_CHARS:
            raise InvalidAddress(f"A URL may have at most {MAX_URL_CHARS} characters.")
        match = _URL.fullmatch(url)
        if match is None:
            raise InvalidAddress(
                "A URL must consist of http:// or https://, a host, and optionally a port, a path and a "
                "query, in ASCII and without a user name."
            )
        scheme = match["scheme"].lower()
        if scheme not in DEFAULT_PORTS:
            raise InvalidAddress("A URL must start with http:// or https://.")
        port = int(match["port"] or DEFAULT_PORTS[scheme])
        if port > 65535:
            raise InvalidAddress("A port must be at most 65535.")
        return cls(scheme, _host(match["host"].lower()), port, _path(match["path"] or "/"), match["query"])

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and port as written in a URL and in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query as written in the request line."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def __str__(self) -> str:
        """For the audit log: without the query, which may contain secrets."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True)
class Rule:
    """Grants methods on one scheme, host and port, for a path and everything below it."""

    address: Address
    methods: frozenset[str]

    @classmethod
    def parse(cls, url: str, methods: Iterable[str]) -> Self:
        """Raises InvalidAddress, including for a query or fragment: a rule grants paths."""
        address = Address.parse(url)
        if address.query is not None or "#" in url:
            raise InvalidAddress("The URL of a network rule must not have a query or fragment.")
        return cls(address, frozenset(methods))

    def allows(self, method: str, address: Address) -> bool:
        if method not in self.methods or address.origin != self.address.origin:
            return False
        prefix = self.address.path.rstrip("/")
        return address.path == prefix or address.path.startswith(f"{prefix}/")


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError as error:
            raise InvalidAddress("The host in brackets is not an IPv6 address.") from error
    labels = host.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise InvalidAddress("An IPv4 address must be four decimal numbers.") from error
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidAddress("The host name is invalid. Write names in other scripts as xn--…")
    return host


def _path(path: str) -> str:
    if _INVALID_ESCAPE.search(path) or _HIDDEN_SYNTAX.search(path):
        raise InvalidAddress(
            "A path must not contain an escaped dot, slash or control character, or a bare %."
        )
    # Some servers strip what follows ";" from a segment before they interpret its dots.
    segments = [segment.partition(";")[0] for segment in path.split("/")[1:]]
    if "." in segments or ".." in segments or "//" in path:
        raise InvalidAddress("A path must not contain “.”, “..” or empty segments.")
    return path
