"""plugins.egress.url_rules: the strict form of URLs, and what a rule covers."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugins.egress.url_rules import MAX_URL_CHARS, Address, InvalidAddress, Rule


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com", "https://api.example.com/"),
        ("HTTPS://API.Example.COM:443/V1", "https://api.example.com/V1"),
        ("http://example.com:80/a?b=c&d", "http://example.com/a?b=c&d"),
        ("http://example.com:8080/#top", "http://example.com:8080/"),
        ("http://my_service:9000/x", "http://my_service:9000/x"),
        ("https://xn--bcher-kva.example/%C3%BC", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://192.0.2.1/", "http://192.0.2.1/"),
        ("http://[2001:DB8:0:0::1]:81/", "http://[2001:db8::1]:81/"),
        ("https://example.com/a/b.c/~d;e=f/", "https://example.com/a/b.c/~d;e=f/"),
        ("https://example.com/a?next=../%2e%2e//", "https://example.com/a?next=../%2e%2e//"),
    ],
)
def test_url_is_parsed_and_normalized(url: str, expected: str) -> None:
    assert Address.parse(url).url == expected


REFUSED = {
    "another scheme": "file:///etc/passwd ftp://example.com/ javascript://example.com/ //example.com/ data:,x",
    "no host": "http:// http:///x http://:80/ https:/example.com https:example.com example.com",
    "a user": "http://user@example.com/ http://user:pw@example.com/ http://example.com@evil.example/ http://@a/",
    "odd numbers": "http://0x7f.1/ http://2130706433/ http://127.1/ http://0177.0.0.1/ http://127.0.0.1.2/ "
    "http://0x7f000001/ http://127.0.0.0x1/ http://1.2.3.4.5/ http://256.1.1.1/ http://00.0.0.0/ http://a.0x/",
    "odd IPv6": "http://[::1/ http://::1/ http://[fe80::1%25eth0]/ http://[1.2.3.4]/ http://[g::]/ http://[]/",
    "odd names": "http://example.com./ http://.example.com/ http://a..b/ http://-a.example/ http://a-.example/ "
    "http://bücher.example/ http://127。0。0。1/ http://ⓔxample.com/ http://a%2eb/ http://a%00b/ http://a*b/",
    "odd ports": "http://a:0/ http://a:65536/ http://a:080/ http://a:+80/ http://a:/ http://a:8a/ http://a:80:80/",
    "dots": "http://a/../x http://a/x/.. http://a/./x http://a/x/. http://a/..;/x http://a/x/..;y=z/w http://a/.;x",
    "hidden dots": "http://a/%2e%2e/x http://a/.%2E/x http://a/%252e%252e/x http://a/%25252E/ http://a/%c0%ae/ http://a/%e0%80%ae/ http://a/%f0%80%80%af http://a/%25e0%2580%25ae",
    "hidden slashes": "http://a/x%2fy http://a/x%5cy http://a/x%252Fy http://a/x%C1%9Cy",
    "escapes": "http://a/% http://a/%z http://a/%2 http://a/%00 http://a/%0d%0aHost:x http://a/%7f",
    "slashes": r"http://a//x http://a/x//y http://a/x// http://a\x http:\\a/ http://a/x\y http://a/?x\y",
    "other characters": "http://a/ü http://a/<x> http://a/{x} http://a/^ http://a/`x` http://a/?ü http://a/|",
}  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        *(pytest.param(url, id=f"{kind}: {url}") for kind, urls in REFUSED.items() for url in urls.split()),
        "", " http://a/", "http://a/ ", "http://a/\n", "http://a/\r\nX: y", "http://a b/", "http://a/b c", "http://a\t/",
        "http://a/\0", "http://a/" + "x" * MAX_URL_CHARS, "http://" + "a." * 127 + "aa/", f"http://{'a' * 64}/",
    ],
)  # fmt: skip
def test_ambiguous_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidAddress):
        Address.parse(url)


@given(st.one_of(st.text(max_size=60), st.from_regex(r"https?://[a-z0-9.@:\[\]\\/%-]{0,30}\Z")))
@example("http://a:80@b/")
@example("http://[::ffff:1.2.3.4]/")
def test_accepted_url_means_the_same_to_another_parser(url: str) -> None:
    try:
        address = Address.parse(url)
    except InvalidAddress:
        return
    other = urlsplit(address.url)
    assert (other.scheme, other.hostname) == (address.scheme, address.host)
    assert (other.port or {"http": 80, "https": 443}[other.scheme]) == address.port
    assert other.path == address.path
    assert other.username is other.password is None


def test_text_for_the_audit_log_omits_the_query() -> None:
    assert str(Address.parse("https://a.example/x?key=secret")) == "https://a.example/x"


RULE = Rule.parse("https://api.example.com/v1/", ["GET", "POST"])


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("GET", "https://api.example.com/v1/", True),
        ("GET", "https://api.example.com/v1", True),
        ("POST", "https://api.example.com/v1/users/1?x=y", True),
        ("GET", "https://API.example.com:443/v1/", True),
        ("GET", "https://api.example.com/v10", False),
        ("GET", "https://api.example.com/v1x/y", False),
        ("GET", "https://api.example.com/V1/", False),
        ("GET", "https://api.example.com/", False),
        ("HEAD", "https://api.example.com/v1/", False),
        ("get", "https://api.example.com/v1/", False),
        ("DELETE", "https://api.example.com/v1/", False),
        ("GET", "http://api.example.com/v1/", False),
        ("GET", "https://api.example.com:8443/v1/", False),
        ("GET", "https://example.com/v1/", False),
        ("GET", "https://x.api.example.com/v1/", False),
    ],
)
def test_rule_matches_scheme_host_port_method_and_path_segments(method: str, url: str, allowed: bool) -> None:
    assert RULE.allows(method, Address.parse(url)) is allowed


def test_rule_without_a_path_covers_every_path() -> None:
    rule = Rule.parse("https://api.example.com", ["GET"])
    assert rule.allows("GET", Address.parse("https://api.example.com/any/thing"))


@pytest.mark.parametrize("url", ["https://a/?x=y", "https://a/?", "https://a/#x", "https://*.example.com/"])
def test_rule_with_a_query_fragment_or_wildcard_is_refused(url: str) -> None:
    with pytest.raises(InvalidAddress):
        Rule.parse(url, ["GET"])
