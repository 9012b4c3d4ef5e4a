"""The same bytes give the same output or problem on the server and in the browser."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.e2e.browser_runs import Visitor, server_result
from tests.server import Server

HOST = "http://hostbridge.invalid/host/v1"
NOBODY = "00000000-0000-4000-8000-000000000000"


def request(url: str, method: str = "GET", **members: object) -> bytes:
    return json.dumps({"method": method, "url": url, **members}).encode()


def invoke(operation: str, data: object = None) -> bytes:
    return json.dumps({"operation": operation, "input": data}).encode()


CASES: list[tuple[str, str, bytes]] = [
    # the bundled plugin: results, Unicode, its own problems
    ("template", "greet", b'{"name": "Ada"}'),
    ("template", "greet", '{"name": "Žofie 𝄞 \u202e日本語"}'.encode()),
    ("template", "greet", b'{"name": ""}'),
    ("template", "greet", b'{"name": "A", "extra": 1}'),
    ("template", "greet", b"not JSON"),
    ("template", "greet", b"\xff\xfe"),
    ("template", "greet", b""),
    ("template", "repeat", '{"text": "naïve ", "times": 100}'.encode()),
    ("template", "repeat", b'{"text": "x", "times": 101}'),
    ("template", "validate", b'{"email": "x", "age": -1, "tags": ["", "b"]}'),
    ("template", "get_info", b"{}"),
    # bytes: any, none, many
    ("faults", "echo", b""),
    ("faults", "echo", bytes(range(256))),
    ("faults", "echo", b"\0"),
    ("faults", "echo", b"0123456789abcdef" * (60 << 10)),
    ("faults", "echo", b"x" * ((1 << 20) + 1)),
    ("faults", "echo", b"x" * ((2 << 20) + 1)),
    ("faults", "binary_output", b""),
    # errors of the guest
    ("faults", "fail_text", b""),
    ("faults", "fail_problem", b""),
    ("faults", "fail_forbidden_status", b""),
    ("faults", "fail_silent", b""),
    ("faults", "panic", b""),
    # crashes
    ("faults", "trap", b""),
    ("faults", "deep_recursion", b"x"),
    ("faults", "loop_forever", b""),
    ("faults", "sleep_forever", b""),
    ("faults", "exhaust", b""),
    ("faults", "huge_output", b""),
    ("faults", "wrapped_output", b""),
    ("faults", "forged_offset", b""),
    ("init-loop", "run", b""),
    # nothing remains of the previous call; what a guest sees of its host
    ("faults", "counter", b""),
    ("faults", "var_counter", b""),
    ("faults", "config_dump", b'["host_url", "constructor", "__proto__", "SECRET_KEY"]'),
    # limits on host calls and their bytes
    ("hostcall", "fetch_many", json.dumps([{"url": "http://x/"}] * 3).encode()),
    ("hostcall", "fetch_many", json.dumps([{"url": "http://x/"}] * 4).encode()),
    ("hostcall", "fetch", request("http://x/", "POST", body="x" * (64 << 10))),
    ("hostcall", "fetch", request("http://x/", "POST", body="x" * (32 << 10))),
    # the host API: success, denied, not found, malformed
    ("hostcall", "fetch", request(f"{HOST}/users?email=owner@example.com")),
    ("hostcall", "fetch", request(f"{HOST}/users")),
    ("hostcall", "fetch", request(f"{HOST}/users", "POST", body="{}")),
    ("hostcall", "fetch", request(f"{HOST}/users/{NOBODY}", "DELETE")),
    ("hostcall", "fetch", request(f"{HOST}/users/{NOBODY}/sessions", "DELETE")),
    ("hostcall", "fetch", request(f"{HOST}/kv/key", "PUT", body='{"value": 1}')),
    ("hostcall", "fetch", request(f"{HOST}/nothing")),
    ("hostcall", "fetch", request(f"{HOST}/users/../users")),
    ("hostcall", "fetch", request(f"{HOST}/%75sers")),
    ("hostcall", "fetch", request("http://hostbridge.invalid/api/v1/plugins")),
    ("hostcall", "fetch", request("http://example.com/")),
    ("hostcall", "fetch", request(f"{HOST}/users?email=" + "x" * 5000)),
    ("hostcall", "fetch", b"{}"),
    # the same with the older interface
    ("hostfn", "invoke", invoke("db_get_user_by_email", {"email": "owner@example.com"})),
    ("hostfn", "invoke", invoke("db_get_user_by_email", {"mail": "owner@example.com"})),
    ("hostfn", "invoke", invoke("db_get_user_by_uuid")),
    ("hostfn", "invoke", invoke("db_get_user_by_uuid", [])),
    ("hostfn", "invoke", invoke("db_create_user", {"email": "x"})),
]  # fmt: skip
GRANTED = {"hostcall": "db_get_user_by_email", "hostfn": "db_get_user_by_email"}


@pytest.fixture(scope="module")
def both(fixtures_server: Server, chromium: Browser) -> Iterator[tuple[Visitor, httpx.Client]]:
    """The same user in a browser and over REST."""
    context = chromium.new_context()
    with fixtures_server.log_in("owner@example.com") as client:
        for slug, operation in GRANTED.items():
            answer = client.patch(f"/api/v1/plugins/{slug}", json={"grants": [operation]})
            assert answer.status_code == 200, answer.text
        yield Visitor(context.new_page(), fixtures_server), client
    context.close()


@pytest.mark.parametrize(
    ("slug", "function", "body"),
    CASES,
    ids=[f"{number}-{slug}-{function}" for number, (slug, function, _) in enumerate(CASES)],
)
def test_server_and_browser_give_the_same_result(
    both: tuple[Visitor, httpx.Client], slug: str, function: str, body: bytes
) -> None:
    visitor, client = both
    there, here = server_result(client, slug, function, body), visitor.result(slug, function, body)
    assert here == there
