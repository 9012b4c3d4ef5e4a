"""The egress gate against real servers: which requests a rule allows, and what the server receives."""

import pytest

from plugins.egress.problems import NetworkNotGranted
from plugins.egress.url_rules import Rule
from tests.plugins.egress.guest import Guest
from tests.plugins.egress.outside import Outside


def test_granted_request_succeeds(guest: Guest, server: Outside, base: str) -> None:
    server.says("/v1/weather?day=1", body=b'{"sun": true}', Content_Type="application/json", X_Served_By="a")
    response = guest.request(f"{base}/v1/weather?day=1")
    assert (response.status, response.body) == (200, b'{"sun": true}')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-served-by"] == "a"
    assert guest.audit == [(f"GET {base}/v1/weather", 200)]


def test_error_status_is_passed_on_as_a_response(guest: Guest, server: Outside, base: str) -> None:
    server.says("/x", "503 Busy", b"later", Retry_After="5")
    response = guest.request(f"{base}/x")
    assert (response.status, response.body, response.headers["retry-after"]) == (503, b"later", "5")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_body_is_sent(server: Outside, base: str, method: str) -> None:
    guest = Guest(server).grant(base, method)
    guest.request(f"{base}/x", method, b"\x00\xff body", content_type="text/plain")
    (seen,) = server.seen
    assert (seen.method, seen.body, seen.values("content-type")) == (method, b"\x00\xff body", ["text/plain"])
    assert seen.values("content-length") == ["7"]


def test_response_to_head_has_no_body(server: Outside, base: str) -> None:
    server.answers["/x"] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    response = Guest(server).grant(base, "HEAD").request(f"{base}/x", "HEAD")
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"", "5")


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "http://api.example.com:{port}/other"),
        ("GET", "http://api.example.com:{port}/v1x"),
        ("POST", "http://api.example.com:{port}/v1/x"),
        ("GET", "http://api.example.com/v1/x"),
        ("GET", "https://api.example.com:{port}/v1/x"),
        ("GET", "http://127.0.0.1:{port}/v1/x"),
        ("GET", "http://api.example.com.evil.example:{port}/v1/x"),
        ("GET", "http://api.example.com:{port}/v1/../other"),
        ("GET", "http://api.example.com:{port}@127.0.0.1/v1/"),
        ("CONNECT", "http://api.example.com:{port}/v1/x"),
        ("GET / HTTP/1.1\r\nX: y", "http://api.example.com:{port}/v1/x"),
        ("GET", "file:///etc/passwd"),
    ],
)
def test_ungranted_request_is_refused_before_any_look_up(
    guest: Guest, server: Outside, base: str, method: str, url: str
) -> None:
    guest.rules = [Rule.parse(f"{base}/v1/", ["GET"])]
    with pytest.raises(NetworkNotGranted):
        guest.request(url.format(port=server.port), method)
    assert (guest.resolver.lookups, server.seen) == ([], [])
    assert [status for _, status in guest.audit] == [403]
