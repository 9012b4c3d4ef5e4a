"""The egress gate against real servers: what a rule lets out, and how it arrives."""

import pytest

from plugins.egress.addresses import Rule
from plugins.egress.gate import NetworkNotGranted
from tests.plugins.egress.guest import Guest
from tests.plugins.egress.outside import Outside


def test_a_granted_address_answers(guest: Guest, server: Outside, base: str) -> None:
    server.says("/v1/weather?day=1", body=b'{"sun": true}', Content_Type="application/json", X_Served_By="a")
    answer = guest.ask(f"{base}/v1/weather?day=1")
    assert (answer.status, answer.body) == (200, b'{"sun": true}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-served-by"] == "a"
    assert guest.audit == [(f"GET {base}/v1/weather", 200)]


def test_an_error_of_the_other_side_is_an_answer(guest: Guest, server: Outside, base: str) -> None:
    server.says("/x", "503 Busy", b"later", Retry_After="5")
    answer = guest.ask(f"{base}/x")
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"later", "5")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_arrives(server: Outside, base: str, method: str) -> None:
    guest = Guest(server).may(base, method)
    guest.ask(f"{base}/x", method, b"\x00\xff body", content_type="text/plain")
    (seen,) = server.seen
    assert (seen.method, seen.body, seen.values("content-type")) == (method, b"\x00\xff body", ["text/plain"])
    assert seen.values("content-length") == ["7"]


def test_a_head_answer_has_no_body(server: Outside, base: str) -> None:
    server.answers["/x"] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    answer = Guest(server).may(base, "HEAD").ask(f"{base}/x", "HEAD")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "5")


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
def test_what_no_rule_grants_is_refused_before_anything_is_looked_up(
    guest: Guest, server: Outside, base: str, method: str, url: str
) -> None:
    guest.rules = [Rule.parse(f"{base}/v1/", ["GET"])]
    with pytest.raises(NetworkNotGranted):
        guest.ask(url.format(port=server.port), method)
    assert (guest.resolver.asked, server.seen) == ([], [])
    assert [status for _, status in guest.audit] == [403]
