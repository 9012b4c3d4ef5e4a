"""plugins.egress.ip_policy: which IP addresses a plugin's request may connect to."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.egress.ip_policy import (
    Destinations,
    PrivateException,
    embedded_ipv4,
    is_public,
    parse_exceptions,
)

EVERYTHING = parse_exceptions(["0.0.0.0/0:80", "[::/0]:80", "name.example:80"])


def reason_to_refuse(
    address: str, *exceptions: PrivateException, host: str = "name.example", port: int = 80
) -> str:
    return Destinations(exceptions).reason_to_refuse(host, port, ipaddress.ip_address(address))


PRIVATE = {
    "this network": "0.0.0.0 0.1.2.3",
    "private": "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255",
    "carrier-grade NAT": "100.64.0.1 100.127.255.255",
    "loopback": "127.0.0.1 127.1.2.3 127.255.255.255 ::1",
    "link-local": "169.254.0.1 169.254.169.254 169.254.170.2 fe80::1 fe80::1%eth0 febf::1",
    "metadata": "fd00:ec2::254 fd20:ce::254 100.100.100.200 168.63.129.16 192.0.0.192",
    "protocols": "192.0.0.1 192.0.0.8 192.0.0.170 192.88.99.1",
    "documentation": "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1",
    "benchmarks": "198.18.0.1 198.19.255.255 2001:2::1",
    "multicast": "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
    "reserved": "240.0.0.1 255.255.255.254 255.255.255.255",
    "unspecified": "0.0.0.0 ::",
    "unique local": "fc00::1 fdff::1",
    "site-local": "fec0::1",
    "IPv4-mapped": "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:0",
    "IPv4-compatible": "::127.0.0.1 ::10.0.0.1 ::8.8.8.8",
    "IPv4-translated": "::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8",
    "NAT64": "64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::1 64:ff9b:1::8.8.8.8",
    "6to4": "2002:7f00:1::1 2002:a00:1:: 2002:808:808::1",
    "Teredo": "2001::1 2001:0:7f00:1:: 2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "ORCHID": "2001:10::1 2001:20::1",
    "ISATAP": "2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:10.0.0.1",
    "discard and segments": "100::1 5f00::1",
    "not assigned": "4000::1 1000::1 200::1 8000::1",
}  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(address, id=f"{kind}: {address}")
        for kind, addresses in PRIVATE.items()
        for address in addresses.split()
    ],
)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    assert reason_to_refuse(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.1",
     "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)  # fmt: skip
def test_public_address_is_allowed(address: str) -> None:
    assert reason_to_refuse(address) == ""


@given(st.ip_addresses())
def test_public_addresses_are_global_in_the_standard_library_too(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "169.254.169.254", "169.254.0.1", "224.0.0.1", "255.255.255.255", "100.100.100.200", "168.63.129.16",
     "192.0.0.192", "::", "fe80::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254",
     "64:ff9b::169.254.169.254"],
)  # fmt: skip
def test_no_exception_allows_metadata_or_link_local_addresses(address: str) -> None:
    assert reason_to_refuse(address, *EVERYTHING) == "is never allowed"


@pytest.mark.parametrize(
    ("exception", "host", "port", "address", "allowed"),
    [
        ("10.0.0.0/8:80", "any.example", 80, "10.1.2.3", True),
        ("10.0.0.0/8:80", "any.example", 81, "10.1.2.3", False),
        ("10.0.0.0/8:80", "any.example", 80, "11.1.2.3", True),  # public anyway
        ("10.0.0.0/8:80", "any.example", 80, "192.168.1.1", False),
        ("10.0.0.0/8:80", "any.example", 80, "::ffff:10.1.2.3", True),
        ("192.168.1.7:443", "any.example", 443, "192.168.1.7", True),
        ("192.168.1.7:443", "any.example", 443, "192.168.1.8", False),
        ("[fd00::/8]:80", "any.example", 80, "fd12::1", True),
        ("[::1]:80", "any.example", 80, "::1", True),
        ("[::1]:80", "any.example", 80, "127.0.0.1", False),
        ("Build.example:80", "build.example", 80, "10.1.2.3", True),
        ("build.example:80", "other.example", 80, "10.1.2.3", False),
        ("build.example:80", "build.example", 8080, "10.1.2.3", False),
    ],
)
def test_exception_allows_exactly_what_it_names(
    exception: str, host: str, port: int, address: str, allowed: bool
) -> None:
    assert (
        reason_to_refuse(address, PrivateException.parse(exception), host=host, port=port) == ""
    ) is allowed


@pytest.mark.parametrize(
    "text",
    ["", "host", "host:", ":80", "host:0", "host:65536", "host:080", "10.0.0.1/8:80", "10.0.0:80", "10.0.0.0/33:80",
     "fd00::/8:80", "[fd00::/129]:80", "[host]:80", "http://host:80", "host/path:80", "*.example:80", "a b:80"],
)  # fmt: skip
def test_malformed_exception_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PrivateException.parse(text)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "0.0.0.0"]
)
def test_address_on_which_this_server_listens_is_refused(address: str) -> None:
    destinations = Destinations(EVERYTHING, own_ports=frozenset({80}))
    reason = destinations.reason_to_refuse("name.example", 80, ipaddress.ip_address(address))
    assert reason == "is this server itself"


def test_exception_may_allow_another_port_of_this_machine() -> None:
    destinations = Destinations(parse_exceptions(["127.0.0.1:81"]), own_ports=frozenset({80}))
    assert destinations.reason_to_refuse("name.example", 81, ipaddress.ip_address("127.0.0.1")) == ""


@given(st.ip_addresses(v=4))
def test_ipv4_address_inside_an_ipv6_address_is_extracted(address: ipaddress.IPv4Address) -> None:
    assert embedded_ipv4(ipaddress.ip_address(f"::ffff:{address}")) == address
    assert embedded_ipv4(ipaddress.ip_address(f"64:ff9b::{address}")) == address


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("name.example", 80, True), ("name.example", 81, False), ("other.example", 80, False),
        ("10.1.2.3", 8080, True), ("::ffff:10.1.2.3", 8080, True), ("10.1.2.3", 80, False),
        ("11.1.2.3", 8080, False), ("in-ten.example", 8080, False),
    ],
)  # fmt: skip
def test_is_exception_resolves_no_names(host: str, port: int, expected: bool) -> None:
    destinations = Destinations(parse_exceptions(["name.example:80", "10.0.0.0/8:8080"]))
    assert destinations.is_exception(host, port) is expected
