"""The egress gate against real servers: what gets out, where it arrives, and what comes back."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from accounts.problems import InvalidInput, PayloadTooLarge, Problem
from plugins.network import Rule
from plugins.runtime import egress
from plugins.runtime.destinations import Destinations, PrivateException
from plugins.runtime.dialing import Stream
from plugins.runtime.egress import (
    EgressRefused,
    EgressTimeout,
    EgressTooLarge,
    EgressTooManyRedirects,
    EgressUnreachable,
    Gate,
    NetworkNotGranted,
    Request,
    Response,
    fetch,
)
from tests.plugins.outside import Outside, certificate, outside
from tests.server import free_port

MOST = 1 << 16
NAME = "api.example.com"


class Resolver:
    """DNS as a test wants it: each look-up takes the next answer, the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Guest:
    """Asks through a gate that lets it connect to loopback, on the ports of the test's servers."""

    def __init__(self, *servers: Outside) -> None:
        self.resolver = Resolver(["127.0.0.1"])
        self.exceptions = tuple(PrivateException.parse(f"127.0.0.0/8:{server.port}") for server in servers)
        self.rules = [Rule.parse(f"http://{NAME}:{server.port}/", ["GET"]) for server in servers]
        self.gate = Gate(Destinations(self.exceptions), MOST, 10, "hostbridge-test", resolve=self.resolver)
        self.audit: list[tuple[str, int]] = []

    def may(self, url: str, *methods: str) -> "Guest":
        self.rules.append(Rule.parse(url, methods or ["GET"]))
        return self

    def ask(self, url: str, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(Request(method, url, named, body))

    def send(self, request: Request, deadline: float = float("inf")) -> Response:
        def record(subject: str, status: int, started: float) -> None:
            assert started <= time.perf_counter()
            self.audit.append((subject, status))

        return fetch(request, self.rules, self.gate, deadline, record)


@pytest.fixture
def server() -> Iterator[Outside]:
    with outside() as server:
        yield server


@pytest.fixture
def guest(server: Outside) -> Guest:
    return Guest(server)


@pytest.fixture
def base(server: Outside) -> str:
    return f"http://{NAME}:{server.port}"


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


# --- rules --------------------------------------------------------------------------------------------


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


# --- names and addresses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"],
     ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]],
)  # fmt: skip
def test_a_name_that_leads_to_a_private_address_is_refused(
    guest: Guest, server: Outside, base: str, addresses: list[str]
) -> None:
    guest.resolver.answers = [addresses]
    guest.gate = replace(guest.gate, destinations=Destinations())
    with pytest.raises(EgressRefused) as refused:
        guest.ask(f"{base}/")
    assert server.seen == []
    assert guest.audit == [(f"GET {base}/", 403)]
    assert not any(address in refused.value.detail for address in addresses)


def test_a_private_address_is_refused_also_where_a_rule_names_it(guest: Guest, server: Outside) -> None:
    guest.gate = replace(guest.gate, destinations=Destinations())
    with pytest.raises(EgressRefused):
        guest.may(f"http://127.0.0.1:{server.port}/").ask(f"http://127.0.0.1:{server.port}/")
    assert server.seen == []


def test_the_connection_goes_to_the_address_that_was_checked(server: Outside, base: str) -> None:
    """DNS rebinding: the name has another address as soon as it was looked up once."""
    with outside("127.0.0.2", server.port) as other:
        guest = Guest(server)
        guest.gate = replace(
            guest.gate, destinations=Destinations((PrivateException.parse(f"127.0.0.1:{server.port}"),))
        )
        guest.resolver.answers = [["127.0.0.1"], ["127.0.0.2"]]
        assert guest.ask(f"{base}/").status == 200
        assert guest.resolver.asked == [(NAME, server.port)]
        assert (len(server.seen), len(other.seen)) == (1, 0)
        assert server.seen[0].values("host") == [f"{NAME}:{server.port}"]
        with pytest.raises(EgressRefused):
            guest.ask(f"{base}/")
        assert other.seen == []


def test_another_address_of_the_name_is_tried_if_the_first_does_not_answer(
    guest: Guest, server: Outside, base: str
) -> None:
    guest.resolver.answers = [["127.0.0.3", "127.0.0.1"]]  # nobody listens on the first
    assert guest.ask(f"{base}/").status == 200


def test_an_address_that_swallows_connections_leaves_time_for_the_next(server: Outside, base: str) -> None:
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.3", server.port))
        full.listen(0)
        for _ in range(4):  # they fill its queue, and from then on it does not even refuse
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.3", server.port))
        guest = Guest(server)
        guest.resolver.answers = [["127.0.0.3", "127.0.0.1"]]
        assert guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 4).status == 200


@pytest.mark.parametrize("answer", [[], OSError("no such name")])
def test_a_name_without_an_address_is_unreachable(guest: Guest, base: str, answer: object) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if isinstance(answer, Exception):
            raise answer
        return []

    guest.gate = replace(guest.gate, resolve=resolve)
    with pytest.raises(EgressUnreachable):
        guest.ask(f"{base}/")


def test_the_systems_resolver_knows_localhost(server: Outside) -> None:
    guest = Guest(server).may(f"http://localhost:{server.port}/")
    loopback = tuple(PrivateException.parse(f"{net}:{server.port}") for net in ("127.0.0.0/8", "[::1]"))
    guest.gate = Gate(Destinations(loopback), MOST, 10, "hostbridge-test")
    assert guest.ask(f"http://localhost:{server.port}/").body == b"hello"


def test_proxies_of_the_environment_are_not_used(
    guest: Guest, server: Outside, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outside() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert guest.ask(f"{base}/").status == 200
        assert (len(server.seen), proxy.seen) == (1, [])


def test_this_server_is_never_reached(guest: Guest, server: Outside, base: str) -> None:
    destinations = Destinations(guest.exceptions, own_ports=frozenset({server.port}))
    guest.gate = replace(guest.gate, destinations=destinations)
    with pytest.raises(EgressRefused, match="this server itself"):
        guest.ask(f"{base}/")
    destinations = Destinations(guest.exceptions, own_names=frozenset({(NAME, server.port)}))
    guest.gate = replace(guest.gate, destinations=destinations)
    guest.resolver.asked.clear()
    with pytest.raises(EgressRefused, match="this server itself"):
        guest.ask(f"{base}/")
    assert (server.seen, guest.resolver.asked) == ([], [])


# --- redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location", ["/there?x=y", "there?x=y", "{base}/there?x=y#part", "//{host}/there?x=y"]
)
def test_a_redirect_within_the_rules_is_followed(
    guest: Guest, server: Outside, base: str, location: str
) -> None:
    server.says("/here", "302 Found", Location=location.format(base=base, host=base.removeprefix("http://")))
    server.says("/there?x=y", body=b"arrived")
    assert guest.ask(f"{base}/here").body == b"arrived"
    assert guest.audit == [(f"GET {base}/here", 302), (f"GET {base}/there", 200)]
    assert len(guest.resolver.asked) == 2  # each hop is looked up, and checked, again


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/", "http://evil.example/", "http://api.example.com:1/", "https://api.example.com/",
     "file:///etc/passwd", "gopher://x/", "//evil.example/", "http://api.example.com:{port}@evil.example/",
     "http://169.254.169.254/latest/meta-data/", "/../admin/%2e%2e", "http://[", "/\\evil.example", "/secret"],
)  # fmt: skip
def test_a_redirect_out_of_the_rules_is_refused(
    guest: Guest, server: Outside, base: str, location: str
) -> None:
    guest.rules = [Rule.parse(f"{base}/here", ["GET"])]
    server.says("/here", "302 Found", Location=location.format(port=server.port))
    with pytest.raises(NetworkNotGranted):
        guest.ask(f"{base}/here")
    assert [seen.path for seen in server.seen] == ["/here"]
    assert [status for _, status in guest.audit] == [302, 403]


def test_a_redirect_to_a_granted_name_with_a_private_address_is_refused(server: Outside, base: str) -> None:
    guest = Guest(server).may("http://inside.example/")
    guest.resolver.answers = [["127.0.0.1"], ["10.0.0.1"]]
    server.says("/here", "302 Found", Location="http://inside.example/")
    with pytest.raises(EgressRefused):
        guest.ask(f"{base}/here")
    assert guest.audit == [(f"GET {base}/here", 302), ("GET http://inside.example/", 403)]


def test_redirects_end(guest: Guest, server: Outside, base: str) -> None:
    for number in range(100):
        server.says(f"/{number}", "307 Again", Location=f"/{number + 1}")
    with pytest.raises(EgressTooManyRedirects):
        guest.ask(f"{base}/0")
    assert len(server.seen) == egress.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("status", "method", "then", "kept"),
    [
        ("301 Moved", "POST", "GET", False), ("302 Found", "POST", "GET", False), ("303 See", "POST", "GET", False),
        ("303 See", "PUT", "GET", False), ("302 Found", "PUT", "PUT", True), ("307 Again", "POST", "POST", True),
        ("308 Moved", "PUT", "PUT", True), ("303 See", "HEAD", "HEAD", False),
    ],
)  # fmt: skip
def test_the_method_follows_the_redirect_as_http_says(
    server: Outside, base: str, status: str, method: str, then: str, kept: bool
) -> None:
    guest = Guest(server).may(base, "POST", "PUT", "HEAD")
    server.says("/here", status, Location="/there")
    guest.ask(f"{base}/here", method, b"" if method == "HEAD" else b"data", content_type="text/plain")
    seen = server.seen[-1]
    assert (seen.path, seen.method, seen.body) == ("/there", then, b"data" if kept else b"")


def test_a_redirect_with_another_method_needs_a_rule_for_that(server: Outside, base: str) -> None:
    guest = Guest(server)
    guest.rules = [Rule.parse(base, ["POST"])]
    server.says("/here", "303 See", Location="/there")
    with pytest.raises(NetworkNotGranted):
        guest.ask(f"{base}/here", "POST", b"data")
    assert [seen.path for seen in server.seen] == ["/here"]


def test_secrets_do_not_follow_to_another_origin(server: Outside, base: str) -> None:
    with outside() as other:
        guest = Guest(server, other)
        server.says("/here", "307 There", Location=f"http://{NAME}:{other.port}/there")
        server.says("/same", "307 There", Location="/there")
        secrets = {"authorization": "Bearer s3cret", "x_api_key": "s3cret", "accept": "text/plain"}
        guest.ask(f"{base}/here", **secrets)
        (seen,) = other.seen
        assert seen.values("accept") == ["text/plain"]
        assert "s3cret" not in str(seen.headers)
        guest.ask(f"{base}/same", **secrets)
        assert server.seen[-1].values("authorization") == ["Bearer s3cret"]


# --- headers ------------------------------------------------------------------------------------------


def test_forged_headers_do_not_get_out(server: Outside, base: str) -> None:
    guest = Guest(server).may(base, "POST")
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


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", "a\r\nHost: b"), ("x", "a\nb"), ("x", "a\0b"), ("x\r\ny", "a"), ("x:", "a"), ("", "a"), ("x y", "a"), ("x", "€")],
)  # fmt: skip
def test_a_header_that_is_none_is_refused(
    guest: Guest, server: Outside, base: str, name: str, value: str
) -> None:
    with pytest.raises(InvalidInput):
        guest.send(Request("GET", f"{base}/", {name: value}, b""))
    assert server.seen == []


@pytest.mark.parametrize(
    "headers",
    [{f"x-{n}": "" for n in range(egress.MAX_HEADERS + 1)}, {"x": "y" * egress.MAX_HEADER_BYTES}],
    ids=["number", "size"],
)
def test_too_many_headers_are_refused(
    guest: Guest, server: Outside, base: str, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        guest.send(Request("GET", f"{base}/", headers, b""))
    assert server.seen == []


def test_a_body_over_the_bound_is_not_sent(server: Outside, base: str) -> None:
    guest = Guest(server).may(base, "POST")
    with pytest.raises(PayloadTooLarge):
        guest.ask(f"{base}/", "POST", b"x" * (egress.MAX_REQUEST_BYTES + 1))
    assert server.seen == []


def test_what_is_meant_for_a_browser_or_the_connection_does_not_come_back(
    guest: Guest, server: Outside, base: str
) -> None:
    server.answers["/"] = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\nConnection: X-Private\r\nX-Private: 1\r\n"
        b"Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTrailer: x\r\nX-Kept: 1\r\nX-KEPT: 2\r\n\r\n"
    )
    assert guest.ask(f"{base}/").headers == {"content-length": "0", "x-kept": "1, 2"}


# --- size and time ------------------------------------------------------------------------------------


def endless_body(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        out.write(b"x" * 4096)


def endless_chunks(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        out.write(b"400\r\n%s\r\n" % (b"x" * 1024))


def endless_headers(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        out.write(b"X-Header: value\r\n" * 100)


@pytest.mark.parametrize(
    "script",
    [
        endless_body,
        endless_chunks,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (MOST + 1, b"x" * (MOST + 1)),
        b"HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n" % (b"X-Header: value\r\n" * egress.MAX_HEADERS),
        b"HTTP/1.1 200 OK\r\nX: %s\r\nContent-Length: 0\r\n\r\n" % (b"x" * egress.MAX_HEADER_BYTES),
    ],
    ids=["endless body", "endless chunks", "one byte too many", "many headers", "a long header"],
)
def test_an_answer_over_the_bound_is_cut_off(guest: Guest, server: Outside, base: str, script: bytes) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressTooLarge):
        guest.ask(f"{base}/")
    assert guest.audit == [(f"GET {base}/", 502)]


def test_an_answer_in_crumbs_is_cut_off(guest: Guest, server: Outside, base: str) -> None:
    """Each piece costs this server more than it costs the other side."""
    crumbs = b"1\r\nx\r\n" * (egress.MAX_PIECES + 1) + b"0\r\n\r\n"
    assert egress.MAX_PIECES < MOST
    server.answers["/"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + crumbs
    with pytest.raises(EgressTooLarge, match="pieces"):
        guest.ask(f"{base}/")


def test_an_answer_at_the_bound_is_whole(guest: Guest, server: Outside, base: str) -> None:
    server.says("/", body=b"x" * MOST)
    assert len(guest.ask(f"{base}/").body) == MOST


def test_a_packed_answer_stays_packed(guest: Guest, server: Outside, base: str) -> None:
    """A gzip bomb: a few kilobytes that would be megabytes."""
    bomb = gzip.compress(b"\0" * (20 << 20))
    server.says("/", body=bomb, Content_Encoding="gzip")
    answer = guest.ask(f"{base}/")
    assert (answer.body, answer.headers["content-encoding"]) == (bomb, "gzip")


@pytest.mark.parametrize(
    "script",
    [
        endless_headers,
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"",
    ],
)
def test_what_is_no_whole_answer_is_unreachable(
    guest: Guest, server: Outside, base: str, script: bytes
) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressUnreachable):
        guest.ask(f"{base}/")
    assert guest.audit == [(f"GET {base}/", 502)]


def dripping(out: BinaryIO, first: bytes) -> None:
    """Never silent for long, and never done."""
    out.write(first)
    while True:
        out.write(b"x")
        out.flush()
        time.sleep(0.02)


@pytest.mark.parametrize(
    "script",
    [
        lambda out: dripping(out, b"HTTP/1.1 200 OK\r\n\r\n"),
        lambda out: dripping(out, b"HTTP/1.1 200 OK\r\nX: "),
        lambda out: dripping(out, b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
        lambda out: time.sleep(3),
    ],
    ids=["body", "header", "announced body", "silence"],
)
def test_a_slow_answer_is_given_up(
    guest: Guest, server: Outside, base: str, script: Callable[[BinaryIO], None]
) -> None:
    server.answers["/"] = script
    with pytest.raises(EgressTimeout):
        guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 0.3)
    assert guest.audit == [(f"GET {base}/", 504)]


def test_the_gates_own_time_holds_for_all_hops_together(guest: Guest, server: Outside, base: str) -> None:
    def slow_redirect(out: BinaryIO) -> None:
        time.sleep(0.3)
        out.write(b"HTTP/1.1 307 Again\r\nContent-Length: 0\r\nLocation: /\r\n\r\n")

    server.answers["/"] = slow_redirect
    guest.gate = replace(guest.gate, timeout_seconds=0.7)
    with pytest.raises(EgressTimeout):
        guest.ask(f"{base}/")
    assert len(server.seen) <= 3


def test_a_server_that_reads_in_sips_is_given_up() -> None:
    """Each piece gets away in time; all of them together would not."""
    ours, theirs = socket.socketpair()

    def sip() -> None:
        while theirs.recv(1 << 16):
            time.sleep(0.02)

    reader = threading.Thread(target=sip)
    reader.start()
    with ours, theirs:
        ours.settimeout(1)
        with pytest.raises(TimeoutError):
            Stream(ours, time.monotonic() + 0.3).write(b"x" * (4 << 20))
        ours.shutdown(socket.SHUT_WR)
        reader.join()


def test_a_name_server_that_does_not_answer_is_given_up(guest: Guest, base: str) -> None:
    done, answered = threading.Event(), threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        done.wait(30)
        answered.set()
        return ["127.0.0.1"]

    guest.gate = replace(guest.gate, resolve=resolve)
    try:
        with pytest.raises(EgressTimeout):
            guest.send(Request("GET", f"{base}/", {}, b""), deadline=time.monotonic() + 0.2)
        assert not answered.is_set()
    finally:
        done.set()


def test_nobody_listens(guest: Guest) -> None:
    port = free_port()
    guest = Guest(Outside("127.0.0.1", port))
    with pytest.raises(EgressUnreachable):
        guest.ask(f"http://{NAME}:{port}/")


# --- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    folder = tmp_path_factory.mktemp("tls")
    return certificate(folder, NAME), folder / "cert.pem"


def over_tls(name: str, tls: tuple[ssl.SSLContext, Path], trusted: bool) -> Response:
    context, file = tls
    with outside(tls=context) as server:
        guest = Guest(server).may(f"https://{name}:{server.port}/")
        trust = ssl.create_default_context(cafile=str(file) if trusted else None)
        guest.gate = replace(guest.gate, trust=lambda: trust)
        try:
            return guest.ask(f"https://{name}:{server.port}/")
        except Problem:
            assert server.seen == []
            raise


def test_https_is_checked_against_the_name_and_not_the_address(tls: tuple[ssl.SSLContext, Path]) -> None:
    assert over_tls(NAME, tls, trusted=True).body == b"hello"


@pytest.mark.parametrize(
    ("name", "trusted"), [(NAME, False), ("other.example.com", True), ("127.0.0.1", True)]
)
def test_a_certificate_that_is_not_to_be_trusted_is_refused(
    tls: tuple[ssl.SSLContext, Path], name: str, trusted: bool
) -> None:
    with pytest.raises(EgressUnreachable, match="certificate"):
        over_tls(name, tls, trusted)


def test_a_server_that_speaks_no_tls_is_unreachable(server: Outside) -> None:
    guest = Guest(server).may(f"https://{NAME}:{server.port}/")
    with pytest.raises(EgressUnreachable):
        guest.ask(f"https://{NAME}:{server.port}/")
