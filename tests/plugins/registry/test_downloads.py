"""POST /api/v1/plugins with an address: the server fetches the bundle through the egress gate."""

import hashlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from plugins.egress.gate import EgressUnreachable, get_gate
from plugins.egress.ip_policy import parse_exceptions
from plugins.models import Grant, Plugin
from plugins.registry import catalogue, downloads, wasm_store
from tests.conftest import API, assert_problem
from tests.plugins.api.test_uploads import BAD_BUNDLES, stored
from tests.plugins.bundles.samples import zipped
from tests.plugins.egress.guest import Resolver
from tests.plugins.egress.outside import Outside, certificate, outside
from tests.server import Server

URL = "/api/v1/plugins"
ZIP = zipped()
DIGEST = hashlib.sha256(ZIP).hexdigest()
ANY = "0" * 64


@pytest.fixture(autouse=True)
def _empty_store(transactional_db: None) -> None:
    with wasm_store.changing():
        wasm_store.keep_only(set())


@pytest.fixture
def server(settings: Any) -> Iterator[Outside]:
    """On a local port that the operator allows, with a bundle at /hostcall.zip."""
    with outside() as server:
        server.says("/hostcall.zip", body=ZIP)
        settings.EGRESS_ALLOW_PRIVATE = parse_exceptions([f"127.0.0.1:{server.port}"])
        yield server


@pytest.fixture
def base(server: Outside) -> str:
    return f"http://127.0.0.1:{server.port}"


def fetch(user: User | None, url: str, sha256: str = DIGEST) -> Any:
    return API(user).post(URL, {"url": url, "sha256": sha256})


def refused(user: User, url: str, status: int, code: str, sha256: str = ANY) -> str:
    """Checks that nothing was installed; returns the problem's detail."""
    problem = assert_problem(fetch(user, url, sha256), status, code)
    assert not Plugin.objects.exists()
    assert stored() == set()
    return str(problem["detail"])


# --- what works ---------------------------------------------------------------------------------------


def test_fetched_bundle_is_installed_like_an_upload(charlie: User, server: Outside, base: str) -> None:
    response = fetch(charlie, f"{base}/hostcall.zip")
    assert response.status_code == 201, response.content
    assert response["Location"] == "/api/v1/plugins/hostcall"
    body = response.json()
    assert (body["version"], body["plugin"]["state"]) == ("1.0.0", "waiting")
    assert body["report"]["functions"] == ["fetch", "fetch_many"]
    assert not Grant.objects.exists()
    (request,) = server.seen
    assert request.method == "GET"
    assert request.body == b""
    assert not request.values("cookie") + request.values("authorization")


def test_redirects_are_followed_and_digest_ignores_case(charlie: User, server: Outside, base: str) -> None:
    server.says("/latest", "302 Found", Location="/hostcall.zip?key=1", Set_Cookie="a=b")
    server.answers["/hostcall.zip?key=1"] = server.answers["/hostcall.zip"]
    assert fetch(charlie, f"{base}/latest", DIGEST.upper()).status_code == 201
    assert [seen.path for seen in server.seen] == ["/latest", "/hostcall.zip?key=1"]
    assert not server.seen[1].values("cookie")


def test_https_certificates_are_checked(
    charlie: User, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "plugins.example.com"
    with outside(tls=certificate(tmp_path, name)) as server:
        server.says("/hostcall.zip", body=ZIP)
        settings.EGRESS_ALLOW_PRIVATE = parse_exceptions([f"127.0.0.0/8:{server.port}"])

        def trusting(context: ssl.SSLContext) -> None:
            gate = replace(get_gate(), resolve=Resolver(["127.0.0.1"]), trust=lambda: context)
            monkeypatch.setattr(downloads, "get_gate", lambda: gate)

        url = f"https://{name}:{server.port}/hostcall.zip"
        trusting(ssl.create_default_context())
        assert "certificate" in refused(charlie, url, 502, "egress-unreachable", DIGEST)
        trusting(ssl.create_default_context(cafile=str(tmp_path / "cert.pem")))
        assert fetch(charlie, url).status_code == 201


# --- who ----------------------------------------------------------------------------------------------


def test_only_administrators_can_make_the_server_fetch(alice: User, server: Outside, base: str) -> None:
    assert_problem(fetch(None, f"{base}/hostcall.zip"), 401, "not-authenticated")
    assert_problem(fetch(alice, f"{base}/hostcall.zip"), 403, "forbidden")
    assert not server.seen
    assert not Plugin.objects.exists()


# --- the address ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/url", "/sha256"}),
        ({"url": "https://example.com/x.zip"}, {"/sha256"}),
        ({"url": "https://example.com/x.zip", "sha256": "ab"}, {"/sha256"}),
        ({"url": "https://example.com/x.zip", "sha256": f"{ANY}0"}, {"/sha256"}),
        ({"url": 1, "sha256": ANY}, {"/url"}),
        ({"url": "https://example.com/x.zip", "sha256": ANY, "grants": []}, {"/grants"}),
        ({"url": "https://user@example.com/x.zip", "sha256": ANY}, {"/url"}),
        ({"url": "file:///etc/passwd", "sha256": ANY}, {"/url"}),
        ({"url": "http://example.com/x.zip", "sha256": ANY}, {"/url"}),
        ({"url": "http://127.0.0.1:1/x.zip", "sha256": ANY}, {"/url"}),
        ({"url": "http://169.254.169.254/", "sha256": ANY}, {"/url"}),
    ],
)
def test_invalid_address_or_digest_is_refused(
    charlie: User, server: Outside, body: dict[str, Any], pointers: set[str]
) -> None:
    problem = assert_problem(API(charlie).post(URL, body), 400, "invalid-input")
    assert {error["pointer"] for error in problem["errors"]} == pointers


def test_http_works_only_for_host_and_port_the_operator_allows(
    charlie: User, settings: Any, server: Outside, base: str
) -> None:
    assert fetch(charlie, f"{base}/hostcall.zip").status_code == 201
    settings.EGRESS_ALLOW_PRIVATE = parse_exceptions([f"127.0.0.1:{server.port + 1}", "10.0.0.0/8:80"])
    assert_problem(fetch(charlie, f"{base}/hostcall.zip"), 400, "invalid-input")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "localhost"]
)
def test_private_addresses_are_refused(charlie: User, host: str) -> None:
    detail = refused(charlie, f"https://{host}:9/x.zip", 403, "egress-refused")
    assert "EGRESS_ALLOW_PRIVATE" in detail


def test_server_does_not_fetch_from_itself(charlie: User, settings: Any) -> None:
    settings.EGRESS_ALLOW_PRIVATE = parse_exceptions([f"127.0.0.1:{settings.PORT}"])
    detail = refused(charlie, f"http://127.0.0.1:{settings.PORT}/x.zip", 403, "egress-refused")
    assert "this server itself" in detail


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/secret",
        "https://127.0.0.1:{other}/secret",
        "https://localhost:{other}/secret",
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//127.0.0.1:{other}/secret",
        "https://a:b@127.0.0.1:{other}/",
    ],
)
def test_redirects_to_forbidden_addresses_are_refused(
    charlie: User, server: Outside, base: str, location: str
) -> None:
    with outside() as other:
        server.says("/x.zip?key=geheim", "302 Found", Location=location.format(other=other.port))
        detail = refused(charlie, f"{base}/x.zip?key=geheim", 403, "egress-refused")
        assert not other.seen
    assert "EGRESS_ALLOW_PRIVATE" in detail
    assert "geheim" not in detail


def test_endless_redirects_are_refused(charlie: User, server: Outside, base: str) -> None:
    server.says("/x.zip", "302 Found", Location="/x.zip")
    refused(charlie, f"{base}/x.zip", 502, "egress-too-many-redirects")
    assert len(server.seen) == 6


# --- the response ----------------------------------------------------------------------------------


def test_bytes_with_another_digest_are_refused(charlie: User, server: Outside, base: str) -> None:
    server.says("/secret", body=b"of somebody else")
    details = {
        refused(charlie, f"{base}{path}", 400, "digest-differs") for path in ("/secret", "/hostcall.zip")
    }
    assert details == {downloads.DigestDiffers.default_detail}, "the problem reveals nothing about the bytes"


@pytest.mark.parametrize(
    "status", ["404 Not Found", "403 Forbidden", "500 Oops", "204 No Content", "304 Same"]
)
def test_error_status_is_reported(charlie: User, server: Outside, base: str, status: str) -> None:
    server.says("/x.zip?key=geheim", status)
    detail = refused(charlie, f"{base}/x.zip?key=geheim", 502, "bundle-not-served")
    assert f"{base}/x.zip answered with status {status[:3]}." in detail


def test_unreachable_server_is_reported(charlie: User, server: Outside, base: str, settings: Any) -> None:
    settings.EGRESS_ALLOW_PRIVATE = parse_exceptions(["127.0.0.1:9"])
    detail = refused(charlie, "http://127.0.0.1:9/x.zip", 502, "egress-unreachable")
    assert detail == "The connection to 127.0.0.1:9 failed. Check the address, or upload the bundle."


def test_download_limit_is_that_of_uploads(charlie: User, server: Outside, base: str, settings: Any) -> None:
    settings.PLUGIN_MAX_BUNDLE_BYTES = len(ZIP) - 1
    detail = refused(charlie, f"{base}/hostcall.zip", 502, "egress-too-large", DIGEST)
    assert f"at most {len(ZIP) - 1} bytes" in detail
    settings.PLUGIN_MAX_BUNDLE_BYTES += 1
    settings.EGRESS_MAX_RESPONSE_BYTES = 10  # for plugins only
    assert fetch(charlie, f"{base}/hostcall.zip").status_code == 201


def test_endless_response_is_cut_off(charlie: User, server: Outside, base: str, settings: Any) -> None:
    settings.PLUGIN_MAX_BUNDLE_BYTES = 1 << 20
    sent = 0

    def endless(out: BinaryIO) -> None:
        nonlocal sent
        out.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 1 << 28:
            sent += out.write(bytes(1 << 16))

    server.answers["/x.zip"] = endless
    refused(charlie, f"{base}/x.zip", 502, "egress-too-large")
    assert sent < 1 << 27


def test_slow_response_times_out(
    charlie: User, server: Outside, base: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop_by_drop(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            out.write(b"x")
            out.flush()
            time.sleep(0.05)

    server.answers["/x.zip"] = drop_by_drop
    settings.EGRESS_TIMEOUT_MS = 1  # for plugins only
    monkeypatch.setattr(downloads, "SECONDS", 0.5)
    started = time.monotonic()
    detail = refused(charlie, f"{base}/x.zip", 504, "egress-timeout")
    assert 0.5 <= time.monotonic() - started < 3
    assert "0.5 s" in detail


@pytest.mark.parametrize("code", BAD_BUNDLES)
def test_fetched_bundle_is_validated_like_an_upload(
    charlie: User, server: Outside, base: str, code: str
) -> None:
    bad = BAD_BUNDLES[code]
    server.says("/bad.zip", body=bad)
    refused(charlie, f"{base}/bad.zip", 400, code, hashlib.sha256(bad).hexdigest())


def test_fetched_bundle_cannot_take_name_of_bundled_plugin(charlie: User, server: Outside, base: str) -> None:
    upgrade = zipped(name="auth", version="99.0.0", permissions=[])
    server.says("/auth.zip", body=upgrade)
    refused(charlie, f"{base}/auth.zip", 409, "plugin-name-reserved", hashlib.sha256(upgrade).hexdigest())


def test_concurrent_downloads_are_limited(charlie: User, server: Outside, base: str) -> None:
    finish = threading.Event()
    server.answers["/slow.zip"] = lambda out: finish.wait(20)
    with ThreadPoolExecutor(downloads.AT_ONCE) as threads:
        running = [threads.submit(downloads.fetch, f"{base}/slow.zip", ANY) for _ in range(downloads.AT_ONCE)]
        wait_until(lambda: len(server.seen) == downloads.AT_ONCE)
        response = fetch(charlie, f"{base}/hostcall.zip")
        assert_problem(response, 503, "overloaded")
        assert response["Retry-After"]
        finish.set()
        assert all(isinstance(future.exception(), EgressUnreachable) for future in running)
    refused(charlie, f"{base}/hostcall.zip", 400, "digest-differs")
    assert fetch(charlie, f"{base}/hostcall.zip").status_code == 201, "a failed download must free its slot"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- the command line ---------------------------------------------------------------------------------


def test_command_line_installs_from_address(
    server: Outside, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{base}/hostcall.zip"
    call_command("plugin", "check", url, "--sha256", DIGEST)
    assert "is a valid bundle" in capsys.readouterr().out
    for arguments in ([url], [str(tmp_path), "--sha256", DIGEST]):
        with pytest.raises(CommandError, match="Give --sha256 with an address"):
            call_command("plugin", "install", *arguments)
    with pytest.raises(CommandError, match="has another sha256"):
        call_command("plugin", "install", url, "--sha256", ANY)
    assert not Plugin.objects.exists()
    call_command("plugin", "install", url, "--sha256", DIGEST)
    assert catalogue.get_plugin("hostcall").state == "waiting"


# --- on a real server ---------------------------------------------------------------------------------


@pytest.mark.server
def test_server_answers_other_requests_while_fetching(tmp_path: Path) -> None:
    go_on = threading.Event()

    def hesitant(out: BinaryIO) -> None:
        go_on.wait(20)
        out.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ZIP) + ZIP)

    with outside() as source:
        source.answers["/hostcall.zip"] = hesitant
        server = Server.start(tmp_path / "data", EGRESS_ALLOW_PRIVATE=f"127.0.0.1:{source.port}")
        try:
            server.make_owner()
            with server.log_in("owner@example.com") as owner:
                answers: list[httpx.Response] = []
                body = {"url": f"http://127.0.0.1:{source.port}/hostcall.zip", "sha256": DIGEST}
                thread = threading.Thread(target=lambda: answers.append(owner.post(URL, json=body)))
                thread.start()
                while not source.seen:
                    time.sleep(0.01)
                for _ in range(20):
                    assert httpx.get(f"{server.url}/healthz", timeout=2).status_code == 200
                assert not answers
                go_on.set()
                thread.join()
            assert answers[0].status_code == 201, answers[0].text
            assert answers[0].json()["plugin"]["state"] == "waiting"
        finally:
            go_on.set()
            server.stop()
