"""Network rules: consent, upgrades, revocation, and what a guest can reach with them."""

import ipaddress
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from plugins.bundles.bundle import read_folder
from plugins.bundles.manifest import InvalidManifest
from plugins.egress.gate import get_gate
from plugins.egress.ip_policy import parse_exceptions
from plugins.egress.loop_guard import own_pseudonym
from plugins.models import Execution, NetworkGrant, Release
from plugins.registry import catalogue, consent, installation
from tests.conftest import API, ROOT, assert_problem, host_calls
from tests.plugins.egress.outside import Outside, outside

HOSTCALL = ROOT / "wasm-plugins" / "fixtures" / "hostcall"
URL = "/api/v1/plugins/hostcall"
GET_A = {"url": "https://a.example/v1/", "methods": ["GET"]}
ANY_A = {"url": "https://a.example/v1/", "methods": ["POST", "GET"]}
GET_B = {"url": "https://b.example/", "methods": ["GET"]}
KEY_A, KEY_B = ("https://a.example/v1/", ("GET",)), ("https://b.example/", ("GET",))
Build = Callable[..., Release]


@pytest.fixture
def build(transactional_db: None, tmp_path: Path) -> Build:
    """Installs a release of `hostcall` that asks for exactly these rules."""

    def build(version: str, *rules: dict[str, Any]) -> Release:
        folder = tmp_path / version
        shutil.copytree(HOSTCALL, folder, ignore=shutil.ignore_patterns("src", "Cargo.toml"))
        manifest = json.loads((folder / "plugin.json").read_text())
        manifest |= {"version": version, "network": [{"reason": "for a test"} | rule for rule in rules]}
        (folder / "plugin.json").write_text(json.dumps(manifest))
        return installation.install(read_folder(folder))

    return build


def held() -> set[tuple[str, tuple[str, ...]]]:
    return set(catalogue.get_plugin("hostcall").network_granted)


# --- consent ------------------------------------------------------------------------------------------


def test_consent_grants_chosen_rules(build: Build, charlie: User) -> None:
    build("1.0.0", GET_A, GET_B | {"optional": True})
    client = API(charlie)
    pending = client.get(URL).json()["pending"]["network"]
    assert [(rule["granted"], rule["new"], rule["optional"]) for rule in pending] == [
        (False, True, False),
        (False, True, True),
    ]
    body = {"grants": [], "network_grants": [GET_A]}
    answer = client.post(f"{URL}/releases/1.0.0/activate", body).json()
    assert [(rule["url"], rule["granted"]) for rule in answer["network"]] == [
        (GET_A["url"], True),
        (GET_B["url"], False),
    ]
    row = NetworkGrant.objects.get()
    assert (row.key, row.granted_by) == (KEY_A, charlie)


def test_consent_without_rules_grants_none(build: Build, charlie: User) -> None:
    build("1.0.0", GET_A)
    assert API(charlie).post(f"{URL}/releases/1.0.0/activate", {}).status_code == 200
    assert held() == set()


@pytest.mark.parametrize(
    "rule",
    [
        GET_B,
        GET_A | {"methods": ["GET", "POST"]},
        GET_A | {"methods": ["POST"]},
        GET_A | {"url": "https://a.example/"},
        GET_A | {"url": "https://a.example/v1"},
        GET_A | {"methods": []},
        {"url": GET_A["url"]},
        GET_A | {"more": 1},
        GET_A["url"],
    ],
)
def test_unrequested_rules_cannot_be_granted(build: Build, charlie: User, rule: Any) -> None:
    build("1.0.0", GET_A)
    client = API(charlie)
    assert_problem(
        client.post(f"{URL}/releases/1.0.0/activate", {"network_grants": [rule]}), 400, "invalid-input"
    )
    consent.activate(catalogue.get_release("hostcall", "1.0.0"), [])
    assert_problem(client.request("PATCH", URL, {"network_grants": [rule]}), 400, "invalid-input")
    assert not NetworkGrant.objects.exists()


def test_order_of_methods_does_not_matter(build: Build, charlie: User) -> None:
    build("1.0.0", ANY_A)
    body = {"network_grants": [ANY_A | {"methods": ["GET", "POST"]}]}
    assert API(charlie).post(f"{URL}/releases/1.0.0/activate", body).json()["network"][0]["granted"]


def test_permissions_and_rules_change_independently(build: Build, charlie: User) -> None:
    consent.activate(build("1.0.0", GET_A, GET_B), ["kv_get"], [KEY_A])
    client = API(charlie)
    client.request("PATCH", URL, {"network_grants": [GET_B]})
    assert (held(), catalogue.get_plugin("hostcall").granted) == ({KEY_B}, {"kv_get"})
    client.request("PATCH", URL, {"grants": []})
    assert (held(), catalogue.get_plugin("hostcall").granted) == ({KEY_B}, set())
    client.request("PATCH", URL, {"network_grants": []})
    assert held() == set()


def test_only_administrators_can_grant_rules(build: Build, alice: User) -> None:
    consent.activate(build("1.0.0", GET_A), [])
    for client, status in ((API(), 401), (API(alice), 403)):
        assert client.request("PATCH", URL, {"network_grants": [GET_A]}).status_code == status
    assert held() == set()


# --- upgrades -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[GET_A, GET_B], [ANY_A], [{**GET_A, "url": "https://a.example/"}]])
def test_upgrade_asking_for_more_waits(build: Build, more: list[dict[str, Any]]) -> None:
    consent.activate(build("1.0.0", GET_A), [], [KEY_A])
    build("1.1.0", *more)
    assert catalogue.get_plugin("hostcall").active.version == "1.0.0"
    assert held() == {KEY_A}


def test_upgrade_asking_for_no_more_keeps_grants_and_gains_none(build: Build) -> None:
    consent.activate(build("1.0.0", GET_A, GET_B), [], [KEY_A])
    build("1.1.0", GET_A, GET_B)
    assert catalogue.get_plugin("hostcall").active.version == "1.1.0"
    assert held() == {KEY_A}
    build("1.2.0", GET_B)
    assert catalogue.get_plugin("hostcall").active.version == "1.2.0"
    assert held() == set()


def test_earlier_release_keeps_rules_that_both_ask_for(build: Build, charlie: User) -> None:
    consent.activate(build("1.0.0", GET_A), [], [KEY_A])
    consent.activate(build("1.1.0", GET_A, GET_B), [], [KEY_A, KEY_B])
    assert API(charlie).post(f"{URL}/releases/1.0.0/activate", {}).status_code == 200
    assert held() == {KEY_A}


@pytest.mark.parametrize(
    "rules",
    [
        [{"url": "https://*.example.com/"}],
        [{"url": "https://user@a.example/"}],
        [{"url": "https://a.example/../"}],
        [{"url": "https://a.example/?x=y"}],
        [{"url": "http://127.1/"}],
        [ANY_A, ANY_A | {"methods": ["GET", "POST"]}],
    ],
)
def test_invalid_rules_are_refused_at_installation(build: Build, rules: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidManifest) as refused:
        build("1.0.0", *rules)
    assert refused.value.errors[0]["pointer"] == f"/network/{len(rules) - 1}/url"


# --- the command line and the admin -------------------------------------------------------------------


def test_command_line_grants_rules(build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("1.0.0", GET_A, GET_B | {"optional": True})
    call_command("plugin", "install", str(tmp_path / "1.0.0"))
    assert "GET https://a.example/v1/" in capsys.readouterr().out
    with pytest.raises(CommandError, match="does not ask for"):
        call_command("plugin", "activate", "hostcall", "1.0.0", "--network", "https://c.example/")
    call_command("plugin", "activate", "hostcall", "1.0.0", "--network", GET_A["url"])
    assert held() == {KEY_A}
    call_command("plugin", "grant", "hostcall", "kv_get")
    assert held() == {KEY_A}
    call_command("plugin", "list")
    assert "granted: kv_get, GET https://a.example/v1/" in capsys.readouterr().out


def test_admin_shows_rules_and_can_revoke_them(build: Build, charlie: User) -> None:
    consent.activate(build("1.0.0", GET_A), [], [KEY_A], by=charlie)
    client = Client()
    client.force_login(charlie)
    row = NetworkGrant.objects.get()
    page = f"/admin/plugins/plugin/{row.plugin_id}/change/"
    assert GET_A["url"] in client.get(page).content.decode()
    counts = {"grants": 0, "network_grants": 1, "releases": 0}
    form = {"enabled": "on", "settings": "{}"} | {
        f"{name}-{kind}_FORMS": count for name, count in counts.items() for kind in ("TOTAL", "INITIAL")
    }
    form |= {"network_grants-0-id": row.pk, "network_grants-0-plugin": row.plugin_id}
    assert client.post(page, form | {"network_grants-0-DELETE": "on"}).status_code == 302
    assert held() == set()


# --- what a guest gets --------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Outside]:
    with outside() as server:
        yield server


@pytest.fixture
def fetch(build: Build, server: Outside, settings: Any, alice: User) -> Callable[..., Any]:
    """Fetches through a guest whose only granted rule is GET below /v1/ of the server."""
    settings.EGRESS_ALLOW_PRIVATE = parse_exceptions([f"127.0.0.1:{server.port}"])
    url = f"http://127.0.0.1:{server.port}/v1/"
    consent.activate(build("1.0.0", {"url": url}), [], [(url, ("GET",))])

    def fetch(path: str, method: str = "GET", **options: Any) -> tuple[int, dict[str, str], str]:
        address = path if "://" in path else f"http://127.0.0.1:{server.port}{path}"
        asked = {"method": method, "url": address, "headers": {}} | options
        answer = API(alice).post(f"{URL}/call/fetch", asked)
        assert answer.status_code == 200, answer.content
        reply = answer.json()
        return reply["status"], reply["headers"], reply["body"]

    return fetch


def problem_of(reply: tuple[int, dict[str, str], str]) -> tuple[int, str]:
    """The status and code of a well-formed problem."""
    status, headers, body = reply
    problem = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["detail"]
    return status, problem["type"].removeprefix("urn:hostbridge:problem:")


def test_guest_reaches_granted_address_and_request_is_audited(
    fetch: Callable[..., Any], server: Outside
) -> None:
    server.says("/v1/x?key=secret", "201 Created", "grüß dich".encode(), X_Answer="42", Set_Cookie="a=b")
    status, headers, body = fetch("/v1/x?key=secret", headers={"X-Asked": "7", "Host": "evil.example"})
    assert (status, body, headers["x-answer"]) == (201, "grüß dich", "42")
    assert "set-cookie" not in headers
    assert server.seen[0].values("x-asked") == ["7"]
    assert server.seen[0].values("host") == [f"127.0.0.1:{server.port}"]
    call = host_calls().get()
    assert (call.operation, call.status) == ("http_request", 201)
    assert call.subject == f"GET http://127.0.0.1:{server.port}/v1/x"
    assert call.duration_ms > 0
    assert call.execution == Execution.objects.get()


def test_guest_gets_problem_not_trap_for_every_failure(
    fetch: Callable[..., Any], server: Outside, settings: Any
) -> None:
    settings.EGRESS_MAX_RESPONSE_BYTES = 10
    server.says("/v1/large", body=b"x" * 11)
    server.answers["/v1/broken"] = b"nonsense"
    assert problem_of(fetch("/other")) == (403, "network-not-granted")
    assert problem_of(fetch("/v1/", "POST")) == (403, "network-not-granted")
    assert problem_of(fetch("file:///etc/passwd")) == (403, "network-not-granted")
    assert problem_of(fetch("/v1/large")) == (502, "egress-too-large")
    assert problem_of(fetch("/v1/broken")) == (502, "egress-unreachable")
    assert problem_of(fetch("/v1/", headers={"x": "a\r\nb"})) == (400, "invalid-input")
    assert problem_of(fetch("/v1/" + "x" * 5000)) == (403, "network-not-granted")
    settings.EGRESS_ALLOW_PRIVATE = ()
    assert problem_of(fetch("/v1/")) == (403, "egress-refused")
    assert {call.operation for call in host_calls()} == {"http_request"}
    assert set(Execution.objects.values_list("state", flat=True)) == {"succeeded"}


def test_unexpected_failure_is_a_problem_too(
    fetch: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.egress.gate.look_up", lambda *_: 1 / 0)
    assert problem_of(fetch("/v1/")) == (500, "internal-error")


def test_revoked_rule_is_gone_at_next_call(fetch: Callable[..., Any], server: Outside, charlie: User) -> None:
    assert fetch("/v1/")[0] == 200
    API(charlie).request("PATCH", URL, {"network_grants": []})
    assert problem_of(fetch("/v1/")) == (403, "network-not-granted")
    assert len(server.seen) == 1


def test_waiting_for_response_counts_as_plugin_time(
    build: Build, server: Outside, settings: Any, alice: User
) -> None:
    """The plugin's own limit ends the wait, long before the gate's would."""
    settings.EGRESS_ALLOW_PRIVATE = parse_exceptions([f"127.0.0.1:{server.port}"])
    settings.PLUGIN_MAX_TIMEOUT_MS = 300
    settings.EGRESS_TIMEOUT_MS = 60_000
    gone = threading.Event()
    server.answers["/"] = lambda out: gone.wait(20)
    url = f"http://127.0.0.1:{server.port}/"
    consent.activate(build("1.0.0", {"url": url}), [], [(url, ("GET",))])
    answer = API(alice).post(f"{URL}/call/fetch", {"url": url})
    gone.set()
    assert_problem(answer, 504, "plugin-timed-out")
    assert host_calls().get().status == 504


def test_guest_cannot_reach_the_server_itself(
    fetch: Callable[..., Any], server: Outside, settings: Any
) -> None:
    settings.PORT = server.port
    assert problem_of(fetch("/v1/")) == (403, "egress-refused")
    settings.PORT = 1
    settings.PUBLIC_URL = f"https://hostbridge.example:{server.port}"
    assert problem_of(fetch("/v1/")) == (403, "egress-refused")
    assert server.seen == []


def test_gate_knows_where_the_server_listens(settings: Any) -> None:
    settings.HOST, settings.PORT, settings.PUBLIC_URL = "any", 8123, "https://hostbridge.example"
    destinations = get_gate().destinations
    assert destinations.is_own_name("hostbridge.example", 443)
    assert not destinations.is_own_name("hostbridge.example", 8443)
    here = ipaddress.ip_address("127.0.0.1")
    reasons = [destinations.reason_to_refuse("x.example", port, here) for port in (8123, 443, 8443)]
    assert reasons == ["is this server itself", "is this server itself", "is not public"]


def test_guest_cannot_reach_the_server_through_its_proxy(fetch: Callable[..., Any], server: Outside) -> None:
    fetch("/v1/")
    (via,) = server.seen[0].values("via")
    for path in ("/", "/api/v1/plugins", "/healthz", "/static/x"):
        assert_problem(API().get(path, headers={"Via": f"{via}, 1.1 proxy"}), 508, "request-loop")
    assert API().get("/healthz", headers={"Via": "1.1 hostbridge-of-somebody-else"}).status_code == 200
    assert own_pseudonym() in via


def test_plugin_without_rules_needs_no_extra_query(build: Build, alice: User) -> None:
    consent.activate(build("1.0.0"), [])
    client = API(alice)
    asked = {"url": "http://hostbridge.invalid/host/v1/kv"}
    client.post(f"{URL}/call/fetch", asked)
    with CaptureQueriesContext(connection) as queries:
        client.post(f"{URL}/call/fetch", asked)
    assert not any("networkgrant" in query["sql"] for query in queries)
