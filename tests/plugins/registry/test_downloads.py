"""POST /api/v1/plugins with an address: the server fetches the bundle, by the way of plugins' requests."""

import hashlib
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from plugins.egress.destinations import parse_exceptions
from plugins.egress.gate import get_gate
from plugins.models import Grant, Plugin
from plugins.registry import catalogue, downloads, store
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
    with store.changing():
        store.keep_only(set())


@pytest.fixture
def server(settings: Any) -> Iterator[Outside]:
    """On a port of this machine that the operator excepted, with a bundle at /hostcall.zip."""
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
    """The problem's detail; nothing was installed."""
    problem = assert_problem(fetch(user, url, sha256), status, code)
    assert not Plugin.objects.exists()
    assert stored() == set()
    return str(problem["detail"])


# --- what works ---------------------------------------------------------------------------------------


def test_a_fetched_bundle_is_installed_as_an_uploaded_one(charlie: User, server: Outside, base: str) -> None:
    response = fetch(charlie, f"{base}/hostcall.zip")
    assert response.status_code == 201, response.content
    assert response["Location"] == "/api/v1/plugins/hostcall"
    body = response.json()
    assert (body["version"], body["plugin"]["state"]) == ("1.0.0", "waiting")
    assert body["report"]["functions"] == ["fetch", "fetch_many"]
    assert not Grant.objects.exists()
    (asked,) = server.seen
    assert asked.method == "GET"
    assert asked.body == b""
    assert not asked.values("cookie") + asked.values("authorization")


def test_redirects_are_followed_and_the_digest_may_be_in_capitals(
    charlie: User, server: Outside, base: str
) -> None:
    server.says("/latest", "302 Found", Location="/hostcall.zip?key=1", Set_Cookie="a=b")
    server.answers["/hostcall.zip?key=1"] = server.answers["/hostcall.zip"]
    assert fetch(charlie, f"{base}/latest", DIGEST.upper()).status_code == 201
    assert [seen.path for seen in server.seen] == ["/latest", "/hostcall.zip?key=1"]
    assert not server.seen[1].values("cookie")


def test_by_https_the_certificate_is_checked(
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


def test_only_administrators_make_the_server_fetch(alice: User, server: Outside, base: str) -> None:
    assert_problem(fetch(None, f"{base}/hostcall.zip"), 401, "not-authenticated")
    assert_problem(fetch(alice, f"{base}/hostcall.zip"), 403, "forbidden")
    assert not server.seen
    assert not Plugin.objects.exists()


# --- what is asked ------------------------------------------------------------------------------------


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
def test_it_takes_an_address_by_https_and_a_digest(
    charlie: User, server: Outside, body: dict[str, Any], pointers: set[str]
) -> None:
    problem = assert_problem(API(charlie).post(URL, body), 400, "invalid-input")
    assert {error["pointer"] for error in problem["errors"]} == pointers


def test_by_http_only_what_the_operator_excepted_with_this_very_port(
    charlie: User, settings: Any, server: Outside, base: str
) -> None:
    assert fetch(charlie, f"{base}/hostcall.zip").status_code == 201
    settings.EGRESS_ALLOW_PRIVATE = parse_exceptions([f"127.0.0.1:{server.port + 1}", "10.0.0.0/8:80"])
    assert_problem(fetch(charlie, f"{base}/hostcall.zip"), 400, "invalid-input")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "localhost"]
)
def test_private_addresses_are_not_connected_to(charlie: User, host: str) -> None:
    detail = refused(charlie, f"https://{host}:9/x.zip", 403, "egress-refused")
    assert "EGRESS_ALLOW_PRIVATE" in detail


def test_this_server_is_not_asked(charlie: User, settings: Any) -> None:
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
def test_redirects_lead_to_nothing_else(charlie: User, server: Outside, base: str, location: str) -> None:
    with outside() as other:
        server.says("/x.zip?key=geheim", "302 Found", Location=location.format(other=other.port))
        detail = refused(charlie, f"{base}/x.zip?key=geheim", 403, "egress-refused")
        assert not other.seen
    assert "EGRESS_ALLOW_PRIVATE" in detail
    assert "geheim" not in detail


def test_redirects_have_an_end(charlie: User, server: Outside, base: str) -> None:
    server.says("/x.zip", "302 Found", Location="/x.zip")
    refused(charlie, f"{base}/x.zip", 502, "egress-too-many-redirects")
    assert len(server.seen) == 6


# --- what comes back ----------------------------------------------------------------------------------


def test_other_bytes_than_those_that_were_meant_are_refused(
    charlie: User, server: Outside, base: str
) -> None:
    server.says("/secret", body=b"of somebody else")
    told = {refused(charlie, f"{base}{path}", 400, "digest-differs") for path in ("/secret", "/hostcall.zip")}
    assert told == {downloads.DigestDiffers.default_detail}, "the same whatever was there"


@pytest.mark.parametrize(
    "status", ["404 Not Found", "403 Forbidden", "500 Oops", "204 No Content", "304 Same"]
)
def test_an_answer_that_is_no_file_is_told_by_its_status(
    charlie: User, server: Outside, base: str, status: str
) -> None:
    server.says("/x.zip?key=geheim", status)
    detail = refused(charlie, f"{base}/x.zip?key=geheim", 502, "bundle-not-served")
    assert f"{base}/x.zip answered with the status {status[:3]}." in detail


def test_nobody_there(charlie: User, server: Outside, base: str, settings: Any) -> None:
    settings.EGRESS_ALLOW_PRIVATE = parse_exceptions(["127.0.0.1:9"])
    detail = refused(charlie, "http://127.0.0.1:9/x.zip", 502, "egress-unreachable")
    assert detail == "The connection to 127.0.0.1:9 failed. Check the address, or upload the bundle."


def test_a_bundle_may_be_as_large_as_an_upload(
    charlie: User, server: Outside, base: str, settings: Any
) -> None:
    settings.PLUGIN_MAX_BUNDLE_BYTES = len(ZIP) - 1
    detail = refused(charlie, f"{base}/hostcall.zip", 502, "egress-too-large", DIGEST)
    assert f"at most {len(ZIP) - 1} bytes" in detail
    settings.PLUGIN_MAX_BUNDLE_BYTES += 1
    settings.EGRESS_MAX_RESPONSE_BYTES = 10  # is for plugins
    assert fetch(charlie, f"{base}/hostcall.zip").status_code == 201


def test_one_without_an_end_is_cut_off(charlie: User, server: Outside, base: str, settings: Any) -> None:
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


def test_a_slow_one_is_not_waited_for(
    charlie: User, server: Outside, base: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop_by_drop(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            out.write(b"x")
            out.flush()
            time.sleep(0.05)

    server.answers["/x.zip"] = drop_by_drop
    settings.EGRESS_TIMEOUT_MS = 1  # is for plugins
    monkeypatch.setattr(downloads, "SECONDS", 0.5)
    started = time.monotonic()
    detail = refused(charlie, f"{base}/x.zip", 504, "egress-timeout")
    assert 0.5 <= time.monotonic() - started < 3
    assert "0.5 s" in detail


@pytest.mark.parametrize("code", BAD_BUNDLES)
def test_it_is_judged_like_an_upload(charlie: User, server: Outside, base: str, code: str) -> None:
    bad = BAD_BUNDLES[code]
    server.says("/bad.zip", body=bad)
    refused(charlie, f"{base}/bad.zip", 400, code, hashlib.sha256(bad).hexdigest())


def test_it_cannot_take_the_name_of_what_comes_with_hostbridge(
    charlie: User, server: Outside, base: str
) -> None:
    upgrade = zipped(name="auth", version="99.0.0", permissions=[])
    server.says("/auth.zip", body=upgrade)
    refused(charlie, f"{base}/auth.zip", 409, "plugin-name-reserved", hashlib.sha256(upgrade).hexdigest())


def test_few_are_fetched_at_once(
    charlie: User, server: Outside, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_places", threading.BoundedSemaphore(1))
    with downloads._places:
        response = fetch(charlie, f"{base}/hostcall.zip")
        assert_problem(response, 503, "overloaded")
        assert response["Retry-After"]
    refused(charlie, f"{base}/hostcall.zip", 400, "digest-differs")
    assert fetch(charlie, f"{base}/hostcall.zip").status_code == 201, "the place was left"


# --- the command line ---------------------------------------------------------------------------------


def test_the_command_line_takes_addresses(
    server: Outside, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{base}/hostcall.zip"
    call_command("plugin", "check", url, "--sha256", DIGEST)
    assert "the upload gate lets it pass" in capsys.readouterr().out
    for arguments in ([url], [str(tmp_path), "--sha256", DIGEST]):
        with pytest.raises(CommandError, match="compared with --sha256"):
            call_command("plugin", "install", *arguments)
    with pytest.raises(CommandError, match="Its sha256 is another one"):
        call_command("plugin", "install", url, "--sha256", ANY)
    assert not Plugin.objects.exists()
    call_command("plugin", "install", url, "--sha256", DIGEST)
    assert catalogue.get_plugin("hostcall").state == "waiting"


# --- on a real server ---------------------------------------------------------------------------------


def test_the_server_answers_others_while_it_fetches(tmp_path: Path) -> None:
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
