"""Which of a guest's headers are sent, and which response headers it sees."""

import pytest

from core.problems import InvalidInput, PayloadTooLarge
from plugins.egress.gate import MAX_REQUEST_BYTES, Request
from plugins.egress.headers import MAX_HEADER_BYTES, MAX_HEADERS
from tests.plugins.egress.guest import Guest
from tests.plugins.egress.outside import Outside


def test_forged_headers_are_not_sent(server: Outside, base: str) -> None:
    guest = Guest(server).grant(base, "POST")
    forged = {
        "Host": "admin.internal", "Cookie": "session=1", "Connection": "X-Secret, close", "X-Secret": "1",
        "Transfer-Encoding": "chunked", "content-length": "999", "Upgrade": "websocket", "TE": "trailers",
        "Trailer": "x", "Keep-Alive": "x", "Proxy-Authorization": "x", "Proxy-Connection": "x", "Via": "1.1 other",
        "Expect": "100-continue", "Forwarded": "for=127.0.0.1", "X-Forwarded-For": "127.0.0.1",
        "Accept-Encoding": "gzip", "X-Kept": "yes",
    }  # fmt: skip
    guest.send(Request("POST", f"{base}/x", forged, b"body"))
    (seen,) = server.seen
    assert sorted((name.lower(), value) for name, value in seen.headers) == [
        ("accept-encoding", "identity"),
        ("connection", "close"),
        ("content-length", "4"),
        ("host", base.removeprefix("http://")),
        ("user-agent", "Hostbridge"),
        ("via", "1.1 hostbridge-test"),
        ("x-kept", "yes"),
    ]


def test_headers_cannot_override_method_or_address(guest: Guest, server: Outside, base: str) -> None:
    guest.request(
        f"{base}/v1/x", X_HTTP_Method_Override="DELETE", X_Original_URL="/admin", x_rewrite_url="/admin"
    )
    (seen,) = server.seen
    assert [value for _, value in seen.headers if value in {"DELETE", "/admin"}] == []


@pytest.mark.parametrize("separator", ["_", ".", "~"])
def test_equivalent_spellings_of_forbidden_headers_are_not_sent(
    guest: Guest, server: Outside, base: str, separator: str
) -> None:
    """Servers that pass headers on as variables turn X_Forwarded_For into HTTP_X_FORWARDED_FOR as well."""
    names = [
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Forwarded-For",
        "Content-Length",
        "Proxy-Authorization",
    ]
    forged = {name.replace("-", separator): "forged" for name in names} | {
        "Connection": "x_named",
        "x_named": "forged",
    }
    guest.send(Request("GET", f"{base}/v1/x", forged | {"X_Kept": "yes"}, b""))
    (seen,) = server.seen
    assert [(name, value) for name, value in seen.headers if value in {"forged", "yes"}] == [
        ("x_kept", "yes")
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", "a\r\nHost: b"), ("x", "a\nb"), ("x", "a\0b"), ("x\r\ny", "a"), ("x:", "a"), ("", "a"), ("x y", "a"), ("x", "€")],
)  # fmt: skip
def test_malformed_header_is_refused(guest: Guest, server: Outside, base: str, name: str, value: str) -> None:
    with pytest.raises(InvalidInput):
        guest.send(Request("GET", f"{base}/", {name: value}, b""))
    assert server.seen == []


@pytest.mark.parametrize(
    "headers",
    [{f"x-{n}": "" for n in range(MAX_HEADERS + 1)}, {"x": "y" * MAX_HEADER_BYTES}],
    ids=["number", "size"],
)
def test_too_many_headers_are_refused(
    guest: Guest, server: Outside, base: str, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        guest.send(Request("GET", f"{base}/", headers, b""))
    assert server.seen == []


def test_oversized_body_is_not_sent(server: Outside, base: str) -> None:
    guest = Guest(server).grant(base, "POST")
    with pytest.raises(PayloadTooLarge):
        guest.request(f"{base}/", "POST", b"x" * (MAX_REQUEST_BYTES + 1))
    assert server.seen == []


def test_cookies_and_connection_headers_of_the_response_are_hidden(
    guest: Guest, server: Outside, base: str
) -> None:
    server.answers["/"] = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\nConnection: X-Private\r\nX-Private: 1\r\n"
        b"Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTrailer: x\r\nX-Kept: 1\r\nX-KEPT: 2\r\n\r\n"
    )
    assert guest.request(f"{base}/").headers == {"content-length": "0", "x-kept": "1, 2"}
