"""Decides which IP addresses a plugin's request may connect to, after its host name was resolved.

Allowed are public addresses, according to IANA's registries of special-purpose addresses
(https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry), and the private
ones that the operator lists in EGRESS_ALLOW_PRIVATE. This module must not import Django: the settings use it.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Self

IPAddress = IPv4Address | IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(text: str) -> tuple[IPNetwork, ...]:
    return tuple(map(ipaddress.ip_network, text.split()))


# No exception can allow these: the unspecified address (on Linux, this machine), multicast, broadcast,
# link-local, and the addresses at which clouds serve credentials to their machines.
_NEVER = _networks(
    "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 ::/128 fe80::/10 ff00::/8 "
    "100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128"
)
_NOT_PUBLIC = _networks(
    "10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 "
    "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
    # Teredo and other IETF assignments; documentation; 6to4; documentation.
    "2001::/23 2001:db8::/32 2002::/16 3fff::/20"
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # third 32 bits of an ISATAP address; the last 32 are an IPv4 address
_PAIR = re.compile(r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<bare>[^:\[\]]+)):(?P<port>[1-9][0-9]{0,4})")


@dataclass(frozen=True)
class PrivateException:
    """A private host name, address or network that plugins may reach on one port."""

    port: int
    host: str = ""
    network: IPNetwork | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """`host:port`, `10.1.2.3:port`, `10.0.0.0/8:port` or `[fd00::/8]:port`. Raises ValueError."""
        match = _PAIR.fullmatch(text)
        if match is None or int(match["port"]) > 65535:
            raise ValueError(f"{text!r} does not have the form host:port, 10.0.0.0/8:port or [fd00::/8]:port")
        port, host = int(match["port"]), match["bracketed"] or match["bare"]
        if match["bracketed"] or "/" in host or re.fullmatch(r"[0-9.]+", host):
            return cls(port, network=ipaddress.ip_network(host))
        if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", host):
            raise ValueError(f"{host!r} is not a host name or an IP address")
        return cls(port, host=host.lower())

    def covers(self, host: str, port: int, address: IPAddress) -> bool:
        if port != self.port:
            return False
        return address in self.network if self.network else host == self.host


@dataclass(frozen=True)
class Destinations:
    """Where plugins may connect to. `own_names` and `own_ports` are where this server itself listens."""

    exceptions: tuple[PrivateException, ...] = ()
    own_names: frozenset[tuple[str, int]] = frozenset()
    own_ports: frozenset[int] = frozenset()

    def is_own_name(self, host: str, port: int) -> bool:
        return (host, port) in self.own_names

    def is_exception(self, host: str, port: int) -> bool:
        """Whether an exception covers this host name or literal IP address. Nothing is resolved."""
        try:
            address = embedded_ipv4(ipaddress.ip_address(host))
        except ValueError:
            return any(rule.host == host and rule.port == port for rule in self.exceptions)
        return any(rule.covers(host, port, address) for rule in self.exceptions)

    def reason_to_refuse(self, host: str, port: int, address: IPAddress) -> str:
        """Why `address`, to which `host` resolves, may not be connected to; empty if it may."""
        actual = embedded_ipv4(address)
        if port in self.own_ports and (is_local(address) or is_local(actual)):
            return "is this server itself"
        if any(actual in network for network in _NEVER):
            return "is never allowed"
        if is_public(actual) or any(rule.covers(host, port, actual) for rule in self.exceptions):
            return ""
        return "is not public"


def embedded_ipv4(address: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv4-mapped or NAT64 (RFC 6052) address; any other address as it is."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: IPAddress) -> bool:
    if isinstance(address, IPv6Address) and (
        address not in _GLOBAL_UNICAST or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    ):
        return False
    return not any(address in network for network in (*_NEVER, *_NOT_PUBLIC))


def is_local(address: IPAddress) -> bool:
    """Whether the address belongs to this machine: a socket can be bound to no other."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def parse_exceptions(texts: Iterable[str]) -> tuple[PrivateException, ...]:
    """Raises ValueError, which quotes the invalid text."""
    return tuple(map(PrivateException.parse, texts))
