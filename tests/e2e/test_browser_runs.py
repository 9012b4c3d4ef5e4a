"""Runs in a real browser: what hostile plugins can reach, how runs end, and what the user sees."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.e2e.browser_runs import Visitor, execution, expect_no_worker
from tests.server import Server

HOST = "http://hostbridge.invalid/host/v1"
WORKER = "**/assets/plugin-worker-*.js"


@pytest.fixture(scope="module")
def stage(fixtures_server: Server) -> Server:
    """hostcall and hostfn may read accounts and write their store. There is a second user, bob."""
    server = fixtures_server
    server.sign_up("bob@example.com")
    with server.log_in("owner@example.com") as client:
        for slug in ("hostcall", "hostfn"):
            grants = {"grants": ["db_get_user_by_email", "db_get_user_by_uuid", "kv_set"]}
            assert client.patch(f"/api/v1/plugins/{slug}", json=grants).status_code == 200
    return server


@pytest.fixture
def client(stage: Server) -> Iterator[httpx.Client]:
    with stage.log_in("owner@example.com") as client:
        yield client


@pytest.fixture
def new_visitor(stage: Server, chromium: Browser) -> Iterator[Visitor]:
    """Logged in, on a page that has run nothing yet."""
    context = chromium.new_context()
    yield Visitor(context.new_page(), stage)
    context.close()


@pytest.fixture(scope="module")
def shared_visitor(stage: Server, chromium: Browser) -> Iterator[Visitor]:
    context = chromium.new_context()
    yield Visitor(context.new_page(), stage)
    context.close()


@pytest.fixture
def visitor(shared_visitor: Visitor) -> Iterator[Visitor]:
    """Logged in, on an idle page. Tests share it, since loading one takes longer than most of them, and leave
    it idle.
    """
    yield shared_visitor
    expect_no_worker(shared_visitor.page)


def fetch(visitor: Visitor, url: str, method: str = "GET", **members: object) -> dict[str, Any]:
    """The response that the hostile plugin got for this address."""
    asked = json.dumps({"method": method, "url": url, **members}).encode()
    reply: dict[str, Any] = json.loads(visitor.run("hostcall", "fetch", asked)["output"])
    return reply


# --- what a hostile plugin can reach ------------------------------------------------------------------

OUTSIDE = [
    ("{server}/host/v1/users?email=owner@example.com", "the host by its real address"),
    ("{server}/api/v1/auth/session", "the public API"),
    ("/api/v1/auth/session", "a relative address"),
    ("//example.com/", "an address without a scheme"),
    ("https://example.com/", "another origin"),
    ("http://127.0.0.1:1/", "another port"),
    ("http://hostbridge.invalid:81/host/v1/users", "another port of the host's name"),
    ("http://hostbridge.invalid@example.com/host/v1/users", "a user name that looks like the host"),
    ("http://hostbridge.invalid.example.com/host/v1/users", "a name that begins like the host"),
    ("data:text/plain,x", "an address with its own content"),
    ("blob:null/x", "an object of the worker"),
    ("file:///etc/passwd", "a file"),
    ("javascript:1", "a script"),
]
INSIDE = [
    "http://hostbridge.invalid/api/v1/auth/session",
    f"{HOST}/../../api/v1/auth/session",
    f"{HOST}/..%2f..%2fapi/v1/auth/session",
    f"{HOST}/%2e%2e/%2e%2e/api/v1/auth/session",
    f"{HOST}/..\\..\\api\\v1\\auth\\session",
    f"{HOST}//example.com/",
    f"{HOST}/users/./x",
    f"{HOST}/users\n/x",
    f"{HOST}/users#x",
]


@pytest.mark.parametrize(("url", "what"), OUTSIDE, ids=[what for _, what in OUTSIDE])
def test_guest_reaches_no_other_address(visitor: Visitor, url: str, what: str) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    reply = fetch(visitor, url.format(server=visitor.server.url))
    assert reply["status"] == 403
    assert json.loads(reply["body"])["type"].endswith(":network-not-granted")
    # The only requests are those of the page itself.
    ours = re.compile(
        re.escape(visitor.server.url) + r"/(static/.+|api/v1/(plugins/.+|executions/.+/finish))"
    )
    assert [url for url in asked if not ours.fullmatch(url)] == []


@pytest.mark.parametrize("url", INSIDE)
def test_guest_cannot_leave_the_host_api_prefix(visitor: Visitor, url: str) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    reply = fetch(visitor, url)
    assert reply["status"] == 404
    assert json.loads(reply["body"])["detail"] == "The host API has no such operation."
    assert not any("session" in url or "/host/" in url for url in asked)


def test_guest_requests_carry_no_cookie_and_no_guest_headers(visitor: Visitor) -> None:
    seen: list[Request] = []

    def keep(request: Request) -> None:
        if "/host/v1/" in request.url and request.method == "GET":
            seen.append(request)  # and no more here: its headers take a while, in which the run may end

    visitor.page.on("request", keep)
    forged = {
        "Cookie": "hostbridge_session=x",
        "Authorization": "Bearer hbs_x",
        "X-CSRFToken": "x",
        "Origin": "x",
    }
    reply = fetch(visitor, f"{HOST}/users?email=owner@example.com", headers=forged)
    assert reply["status"] == 200
    (asked,) = seen
    headers = asked.all_headers()
    assert "cookie" not in headers
    assert "x-csrftoken" not in headers
    assert headers["authorization"].startswith("Bearer hbx_")


def test_guest_cannot_see_the_token_or_the_real_address(visitor: Visitor) -> None:
    keys = ["host_url", "token", "hostOrigin", "Authorization", "cookie"]
    seen = json.loads(visitor.run("faults", "config_dump", json.dumps(keys).encode())["output"])
    assert seen.pop("host_url") == "http://hostbridge.invalid"
    assert set(seen.values()) == {None}


def test_guest_cannot_access_another_users_data(visitor: Visitor, stage: Server) -> None:
    with stage.log_in("bob@example.com") as bob:
        bob_id = bob.get("/api/v1/auth/session").json()["user"]["id"]
    for url in (f"{HOST}/users/{bob_id}", f"{HOST}/users?email=bob@example.com"):
        reply = fetch(visitor, url)
        assert reply["status"] == 403
        assert "the user's own data only" in json.loads(reply["body"])["detail"]


def test_server_only_grants_are_refused_in_the_browser(visitor: Visitor) -> None:
    reply = fetch(visitor, f"{HOST}/kv/key", "PUT", body='{"value": 1}')
    assert reply["status"] == 403
    assert json.loads(reply["body"])["detail"] == "The plugin “hostcall” cannot use kv_set in a browser."


def test_worker_has_no_origin_cookies_or_storage(new_visitor: Visitor) -> None:
    """The second layer of defence: code that breaks out of WebAssembly runs in this worker."""
    page = new_visitor.page
    with page.expect_worker() as started:
        page.evaluate(
            """async (pattern) => {
              const run = await (await fetch(pattern)).text();
              const file = /plugin-worker-[\\w-]+\\.js/.exec(run)[0];
              window.kept = new Worker(`/static/assets/${file}`, { type: 'module' });
            }""",
            new_visitor.chunk,
        )
    worker = started.value
    assert worker.evaluate("self.origin") == "null"
    base = new_visitor.server.url
    tried = worker.evaluate(
        """async (base) => {
          const attempt = async (action) => {
            try { return await action(); } catch (error) { return error.name; }
          };
          const post = { method: 'POST', credentials: 'include', headers: { 'Content-Type': 'text/plain' } };
          return {
            reads: await attempt(() => fetch(`${base}/api/v1/auth/session`, { credentials: 'include' })),
            forges: await attempt(() => fetch(`${base}/api/v1/auth/logout`, { ...post, body: '{}' })),
            storage: await attempt(() => indexedDB.open('x')),
            elsewhere: await attempt(() => fetch('https://example.com/', { mode: 'no-cors' })),
            evaluates: await attempt(() => eval('1')),
          };
        }""",
        base,
    )
    assert tried == {
        "reads": "TypeError",
        "forges": "TypeError",
        "storage": "SecurityError",
        "elsewhere": "TypeError",
        "evaluates": "EvalError",
    }
    # The forged log-out was sent without the session's cookie, so the session still exists.
    assert new_visitor.run("faults", "echo", b"still here")["output"] == b"still here"


def test_token_is_invalid_after_the_run(visitor: Visitor, client: httpx.Client) -> None:
    with visitor.page.expect_response("**/finish") as finished:
        found = visitor.run("faults", "echo", b"x")
    authorization = finished.value.request.all_headers()["authorization"]
    execution(client, found["executionId"], "succeeded")
    for path in ("/host/v1/users?email=owner@example.com", "/api/v1/auth/session", "/api/v1/plugins"):
        with httpx.Client(base_url=visitor.server.url, headers={"Authorization": authorization}) as thief:
            assert thief.get(path).status_code == 401


@pytest.mark.parametrize("function", ["loop_forever", "sleep_forever"])
def test_endless_run_times_out(visitor: Visitor, client: httpx.Client, function: str) -> None:
    found = visitor.run("faults", function)
    assert (
        found["problem"]["detail"] == "The plugin was stopped: the wall-clock limit of 1000 ms was reached."
    )
    assert 1000 <= found["timing"]["run"] < 15_000
    expect_no_worker(visitor.page)
    execution(client, found["executionId"], "timed_out")


def test_memory_is_limited(visitor: Visitor) -> None:
    """The documented difference: on the server, growth over the limit ends the run."""
    found = visitor.run("faults", "grow_memory")
    assert 100 << 20 < int(found["output"]) <= 160 << 20
    assert visitor.run("faults", "exhaust")["problem"]["code"] == "plugin-out-of-memory"


def test_module_with_a_wrong_hash_does_not_run(new_visitor: Visitor, client: httpx.Client) -> None:
    def swap(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=response.body() + b"\0\1\0")

    new_visitor.page.route("**/wasm", swap)
    found = new_visitor.run("faults", "echo", b"x")
    assert found["problem"]["code"] == "plugin-invalid"
    execution(client, found["executionId"], "failed")


# --- how a run is recorded and ended -------------------------------------------------------------------


def test_run_is_recorded_with_its_host_calls(visitor: Visitor, client: httpx.Client) -> None:
    asked = json.dumps([{"url": f"{HOST}/users?email=owner@example.com"}, {"url": f"{HOST}/users/{uuid4()}"}])
    found = visitor.run("hostcall", "fetch_many", asked.encode())
    kept = execution(client, found["executionId"], "succeeded")
    assert (kept["target"], kept["input_bytes"]) == ("browser", len(asked))
    assert kept["output_bytes"] == len(found["output"])
    assert [(call["operation"], call["status"]) for call in kept["host_calls"]] == [
        ("db_get_user_by_email", 200),
        ("db_get_user_by_uuid", 403),
    ]
    assert kept["timing"]["host_ms"] > 0
    assert found["timing"]["host"] == pytest.approx(kept["timing"]["host_ms"], abs=0.001)


@pytest.fixture
def without_suspension(stage: Server, chromium_for_local_stand_ins: Browser) -> Iterator[Visitor]:
    """A browser without JavaScript Promise Integration, like all browsers until 2025."""

    def remove(route: Route) -> None:
        response = route.fetch()
        body = f"delete WebAssembly.Suspending;delete WebAssembly.promising;{response.text()}"
        route.fulfill(response=response, body=body)

    context = chromium_for_local_stand_ins.new_context()
    visitor = Visitor(context.new_page(), stage)
    visitor.page.route(WORKER, remove)
    yield visitor
    context.close()


def test_host_calls_work_without_jspi(without_suspension: Visitor) -> None:
    visitor = without_suspension
    kinds: set[str] = set()
    visitor.page.on("request", lambda request: kinds.add(request.resource_type))
    reply = fetch(visitor, f"{HOST}/users?email=owner@example.com")
    assert (reply["status"], reply["headers"]) == (200, {"content-type": "application/json"})
    assert json.loads(reply["body"])["email"] == "owner@example.com"
    assert "xhr" in kinds
    assert fetch(visitor, "http://example.com/")["status"] == 403
    assert fetch(visitor, f"{HOST}/nothing")["status"] == 404
    invocation = {"operation": "db_get_user_by_email", "input": {"email": "owner@example.com"}}
    answer = json.loads(visitor.run("hostfn", "invoke", json.dumps(invocation).encode())["output"])
    assert answer["data"]["email"] == "owner@example.com"
    assert visitor.run("faults", "echo", b"\xff")["output"] == b"\xff"
    assert visitor.run("faults", "sleep_forever")["problem"]["code"] == "plugin-timed-out"


# --- what the user sees -------------------------------------------------------------------------------


def open_function(page: Page, server: Server, path: str) -> None:
    page.goto(f"{server.url}/plugins/{path}")
    page.get_by_label("E-mail", exact=True).fill("bob@example.com")
    page.get_by_label("Password", exact=True).fill("a long walk at dusk")
    page.get_by_role("button", name="Log in").click()


def test_user_chooses_the_target(stage: Server, page: Page, shoot: Callable[[str], None]) -> None:
    open_function(page, stage, "template/greet")
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="In this browser").click()
    expect(page.get_by_text("do not leave this page")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Hello, Ada!")
    expect(result).to_contain_text("Start")
    shoot("browser-run")

    # The choice is remembered for this function.
    page.reload()
    expect(page.get_by_role("button", name="In this browser")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{stage.url}/plugins/template/repeat")
    expect(page.get_by_role("button", name="On the server")).to_have_attribute("aria-pressed", "true")

    page.goto(f"{stage.url}/executions")
    row = page.get_by_role("row").filter(has_text="template · greet").first
    expect(row).to_contain_text("In a browser")


def test_function_without_input_schema_takes_a_file(
    stage: Server, page: Page, shoot: Callable[[str], None]
) -> None:
    open_function(page, stage, "faults/echo")
    data = b"\x89PNG\r\n" + bytes(range(256)) * 4000
    choice = page.get_by_label("Choose a")
    choice.set_input_files({"name": "large.png", "mimeType": "", "buffer": data * 3})
    expect(page.get_by_role("alert")).to_contain_text(
        "“large.png” is too large: 3.1 MB. The limit is 2.1 MB."
    )
    choice.set_input_files({"name": "picture.png", "mimeType": "", "buffer": data})
    expect(page.get_by_text("picture.png")).to_be_visible()
    for target in ("On the server", "In this browser"):
        page.get_by_role("button", name=target).click()
        page.get_by_role("button", name="Run", exact=True).click()
        result = page.get_by_role("region", name="Result")
        expect(result).to_contain_text("PNG image, 1 MB")
        with page.expect_download() as download:
            result.get_by_role("link", name="Download").click()
        assert download.value.path().read_bytes() == data
        shoot(f"file-run-{target.split()[-1]}")
        page.reload()
        choice.set_input_files({"name": "picture.png", "mimeType": "", "buffer": data})


def test_error_message_of_a_private_run_stays_in_the_page(
    stage: Server, page: Page, client: httpx.Client
) -> None:
    open_function(page, stage, "faults/fail_text")
    page.get_by_role("button", name="In this browser").click()
    expect(page.get_by_text("Your input and the result do not leave this page")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_role("alert")).to_contain_text("not to my liking")
    execution_id = result.get_by_role("link").inner_text()
    assert execution(client, execution_id, "failed")["problem"] == {
        "type": "urn:hostbridge:problem:plugin-error",
        "title": "The plugin refused the input",
        "status": 422,
        "detail": "The error message stayed in the browser.",
    }


def test_unsupported_browser_offers_to_run_on_the_server(
    stage: Server, page: Page, shoot: Callable[[str], None]
) -> None:
    """The worker's file is served without its policy: the worker has the page's origin and refuses to run."""

    def without_policy(route: Route) -> None:
        response = route.fetch()
        headers = {name: value for name, value in response.headers.items() if "security" not in name}
        route.fulfill(response=response, headers=headers)

    page.route(WORKER, without_policy)
    open_function(page, stage, "template/greet")
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="In this browser").click()
    page.get_by_role("button", name="Run", exact=True).click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("This browser cannot run plugins")
    shoot("browser-cannot")
    page.get_by_role("button", name="Run on the server instead").click()
    expect(result).to_contain_text("Hello, Ada!")
    expect(page.get_by_role("button", name="On the server")).to_have_attribute("aria-pressed", "true")
