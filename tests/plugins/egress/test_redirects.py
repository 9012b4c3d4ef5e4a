"""Redirects: each hop is checked like a new request, and secrets do not reach another origin."""

import pytest

from plugins.egress.problems import (
    MAX_REDIRECTS,
    EgressRefused,
    EgressTooManyRedirects,
    NetworkNotGranted,
)
from plugins.egress.url_rules import Rule
from tests.plugins.egress.guest import NAME, Guest
from tests.plugins.egress.outside import Outside, outside


@pytest.mark.parametrize(
    "location", ["/there?x=y", "there?x=y", "{base}/there?x=y#part", "//{host}/there?x=y"]
)
def test_redirect_within_the_rules_is_followed(
    guest: Guest, server: Outside, base: str, location: str
) -> None:
    server.says("/here", "302 Found", Location=location.format(base=base, host=base.removeprefix("http://")))
    server.says("/there?x=y", body=b"arrived")
    assert guest.request(f"{base}/here").body == b"arrived"
    assert guest.audit == [(f"GET {base}/here", 302), (f"GET {base}/there", 200)]
    assert len(guest.resolver.lookups) == 2  # each hop is resolved and checked again


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/", "http://evil.example/", "http://api.example.com:1/", "https://api.example.com/",
     "file:///etc/passwd", "gopher://x/", "//evil.example/", "http://api.example.com:{port}@evil.example/",
     "http://169.254.169.254/latest/meta-data/", "/../admin/%2e%2e", "http://[", "/\\evil.example", "/secret"],
)  # fmt: skip
def test_redirect_outside_the_rules_is_refused(
    guest: Guest, server: Outside, base: str, location: str
) -> None:
    guest.rules = [Rule.parse(f"{base}/here", ["GET"])]
    server.says("/here", "302 Found", Location=location.format(port=server.port))
    with pytest.raises(NetworkNotGranted):
        guest.request(f"{base}/here")
    assert [seen.path for seen in server.seen] == ["/here"]
    assert [status for _, status in guest.audit] == [302, 403]


def test_redirect_to_a_granted_name_with_a_private_address_is_refused(server: Outside, base: str) -> None:
    guest = Guest(server).grant("http://inside.example/")
    guest.resolver.answers = [["127.0.0.1"], ["10.0.0.1"]]
    server.says("/here", "302 Found", Location="http://inside.example/")
    with pytest.raises(EgressRefused):
        guest.request(f"{base}/here")
    assert guest.audit == [(f"GET {base}/here", 302), ("GET http://inside.example/", 403)]


def test_number_of_redirects_is_limited(guest: Guest, server: Outside, base: str) -> None:
    for number in range(100):
        server.says(f"/{number}", "307 Again", Location=f"/{number + 1}")
    with pytest.raises(EgressTooManyRedirects):
        guest.request(f"{base}/0")
    assert len(server.seen) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("status", "method", "next_method", "has_body"),
    [
        ("301 Moved", "POST", "GET", False), ("302 Found", "POST", "GET", False), ("303 See", "POST", "GET", False),
        ("303 See", "PUT", "GET", False), ("302 Found", "PUT", "PUT", True), ("307 Again", "POST", "POST", True),
        ("308 Moved", "PUT", "PUT", True), ("303 See", "HEAD", "HEAD", False),
    ],
)  # fmt: skip
def test_redirect_changes_the_method_as_rfc_9110_says(
    server: Outside, base: str, status: str, method: str, next_method: str, has_body: bool
) -> None:
    guest = Guest(server).grant(base, "POST", "PUT", "HEAD")
    server.says("/here", status, Location="/there")
    guest.request(f"{base}/here", method, b"" if method == "HEAD" else b"data", content_type="text/plain")
    seen = server.seen[-1]
    assert (seen.path, seen.method, seen.body) == ("/there", next_method, b"data" if has_body else b"")


def test_redirect_that_changes_the_method_needs_a_rule_for_it(server: Outside, base: str) -> None:
    guest = Guest(server)
    guest.rules = [Rule.parse(base, ["POST"])]
    server.says("/here", "303 See", Location="/there")
    with pytest.raises(NetworkNotGranted):
        guest.request(f"{base}/here", "POST", b"data")
    assert [seen.path for seen in server.seen] == ["/here"]


def test_secrets_are_not_sent_to_another_origin(server: Outside, base: str) -> None:
    with outside() as other:
        guest = Guest(server, other)
        server.says("/here", "307 There", Location=f"http://{NAME}:{other.port}/there")
        server.says("/same", "307 There", Location="/there")
        secrets = {"authorization": "Bearer s3cret", "x_api_key": "s3cret", "accept": "text/plain"}
        guest.request(f"{base}/here", **secrets)
        (seen,) = other.seen
        assert seen.values("accept") == ["text/plain"]
        assert "s3cret" not in str(seen.headers)
        guest.request(f"{base}/same", **secrets)
        assert server.seen[-1].values("authorization") == ["Bearer s3cret"]
