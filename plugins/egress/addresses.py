"""Addresses outside, in one strict form, and the rules that grant some of them. Nothing is looked up here.

A guest's URL is taken only if it reads the same to everybody: what would need decoding, normalising or
guessing ("..", "%2e", "//", "\\", 0x7f.1, user@host) is refused, so that what was granted is what is asked.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

# Where a guest finds its host. No resolver knows the name (RFC 6761), so nothing can get there by mistake.
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
# Resolvers read such a last label as part of an IPv4 address: https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# An escaped dot, slash, backslash or control character, or the beginning of a longer spelling of one, which
# UTF-8 does not have but some decoders take; also one that is escaped again, for a server that decodes twice.
_HIDDEN = re.compile(r"%(?:25)*(?:2e|2f|5c|[01][0-9a-f]|7f|c0|c1|e0%(?:25)*[89]|f0%(?:25)*8)", re.IGNORECASE)


class InvalidAddress(ValueError):
    """No address in our form; the text says what is wrong with it."""


@dataclass(frozen=True)
class Address:
    """An http or https URL that was taken apart. `host` is lower-case, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    query: str | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises InvalidAddress. A fragment is dropped, as it never travels."""
        if len(url) > MAX_URL_CHARS:
            raise InvalidAddress(f"An address may have at most {MAX_URL_CHARS} characters.")
        found = _URL.fullmatch(url)
        if found is None:
            raise InvalidAddress(
                "An address is http:// or https://, a host name and perhaps a port, a path and a query, "
                "in plain ASCII and without a user name."
            )
        scheme = found["scheme"].lower()
        if scheme not in DEFAULT_PORTS:
            raise InvalidAddress("Only http:// and https:// can be asked.")
        port = int(found["port"] or DEFAULT_PORTS[scheme])
        if port > 65535:
            raise InvalidAddress("A port is a number up to 65535.")
        return cls(scheme, _host(found["host"].lower()), port, _path(found["path"] or "/"), found["query"])

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL and in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query, as in the request line."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def __str__(self) -> str:
        """For the audit log: without the query, which may hold secrets."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True)
class Rule:
    """Scheme, host, port and methods, exactly, and everything at or below a path."""

    address: Address
    methods: frozenset[str]

    @classmethod
    def parse(cls, url: str, methods: Iterable[str]) -> Self:
        """Raises InvalidAddress, also for a query or fragment: a rule grants paths."""
        address = Address.parse(url)
        if address.query is not None or "#" in url:
            raise InvalidAddress("The address of a rule has no query and no fragment.")
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
            raise InvalidAddress("What stands in brackets is no IPv6 address.") from error
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise InvalidAddress("An IPv4 address is four decimal numbers.") from error
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidAddress("This is no host name. Write names in other scripts as xn--…")
    return host


def _path(path: str) -> str:
    if _ESCAPE.search(path) or _HIDDEN.search(path):
        raise InvalidAddress("A path may hold no escaped dot, slash or control character, and no bare %.")
    # Some servers drop what follows ";" in a segment before they look at its dots.
    segments = [segment.partition(";")[0] for segment in path.split("/")[1:]]
    if "." in segments or ".." in segments or "//" in path:
        raise InvalidAddress("A path may hold no “.”, “..” or empty segments.")
    return path
