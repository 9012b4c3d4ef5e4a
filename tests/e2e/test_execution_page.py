"""The page of an execution in a real browser: input and output in every view, and never executed."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.server import PASSWORD, Server

Shoot = Callable[[str], None]
PAGE = "<h1>Report</h1><p>All is <b>well</b>.</p><ul><li>one<li>two</ul>"
HOSTILE = """<p>Hello</p>
<script>document.title = 'taken over'; parent.postMessage('hello', '*')</script>
<img src="x" onerror="fetch('/api/v1/auth/logout', {method: 'POST'})">
<img src="http://127.0.0.1:9/picture"><link rel="stylesheet" href="http://127.0.0.1:9/style">
<iframe src="/plugins"></iframe><iframe srcdoc="<script>top.location = 'about:blank'</script>"></iframe>
<meta http-equiv="refresh" content="0; url=http://127.0.0.1:9/moved">
<form action="/api/v1/auth/logout" method="post"><button autofocus>Press</button></form>
<a href="/plugins" target="_top">Go</a>"""


@pytest.fixture(scope="module")
def owner_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with misbehaving fixtures and a long time limit."""
    server = Server.start(tmp_path_factory.mktemp("executions") / "data")
    server.make_owner()
    server.install_fixture("faults", timeout_ms=30_000)
    yield server
    server.stop()


@pytest.fixture
def owner(owner_server: Server) -> Iterator[httpx.Client]:
    with owner_server.log_in("owner@example.com") as owner:
        yield owner


def open_as_owner(page: Page, server: Server, path: str) -> None:
    page.goto(f"{server.url}{path}")
    page.get_by_label("E-mail", exact=True).fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def call(owner: httpx.Client, address: str, body: bytes = b"", **headers: str) -> str:
    """Calls the function. Returns the path of its execution."""
    answer = owner.post(f"/api/v1/plugins/{address}", content=body, headers=headers)
    return f"/executions/{answer.headers['Execution-Id']}"


def test_json_output_is_a_collapsible_tree(
    owner_server: Server, owner: httpx.Client, page: Page, shoot: Shoot
) -> None:
    value = {
        "id": 9007199254740993,
        "name": "Ada Lovelace",
        "tags": ["math", "poetry"],
        "rows": [{"n": n, "square": n * n} for n in range(150)],
        "none": None,
    }
    path = call(owner, "faults/call/echo", json.dumps(value).encode())
    open_as_owner(page, owner_server, path)
    output = page.get_by_role("region", name="Output")
    tree = output.get_by_role("list", name="Output")
    expect(tree).to_contain_text("9007199254740993")
    expect(tree).to_contain_text("poetry")
    shoot("execution-tree")
    rows = tree.get_by_role("button", name="rows: [ 150 items ]")
    expect(rows).to_have_attribute("aria-expanded", "false")
    rows.press("Enter")
    expect(tree.get_by_role("button", name="99: { 2 members }")).to_be_visible()
    expect(tree.get_by_role("button", name="100: { 2 members }")).to_have_count(0)
    tree.get_by_role("button", name="Show more (50 left)").click()
    expect(tree).to_contain_text("square: 22201")
    tree.get_by_role("button", name="149: { 2 members }").click()
    expect(tree).not_to_contain_text("square: 22201")
    output.get_by_role("button", name="Raw").click()
    expect(output.get_by_role("group", name="Output", exact=True)).to_have_text(json.dumps(value))
    with page.expect_download() as download:
        output.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "faults-echo.json"
    assert download.value.path().read_text() == json.dumps(value)


def test_html_output_is_previewed(
    owner_server: Server, owner: httpx.Client, page: Page, shoot: Shoot
) -> None:
    document = json.dumps({"text": PAGE, "from": "markdown", "to": "html"})
    path = call(owner, "faults/call/echo", document.encode())
    open_as_owner(page, owner_server, path)
    output = page.get_by_role("region", name="Output")
    output.get_by_role("button", name="Preview").click()
    preview = page.frame_locator("iframe[title='Preview of the output']")
    expect(preview.get_by_role("heading", name="Report")).to_be_visible()
    output.scroll_into_view_if_needed()
    shoot("execution-preview")


def test_hostile_html_is_harmless(owner_server: Server, owner: httpx.Client, chromium: Browser) -> None:
    # Not the `page` fixture: the browser itself logs what it refuses.
    page = chromium.new_page()
    page.route_web_socket(
        "**/ws/v1/events", lambda _: None
    )  # without events the page requests nothing by itself
    page.add_init_script("window.heard = []; addEventListener('message', (event) => heard.push(event.data))")
    path = call(owner, "faults/call/echo", HOSTILE.encode())
    open_as_owner(page, owner_server, path)
    output = page.get_by_role("region", name="Output")
    title = "faults · echo · Hostbridge"
    expect(page).to_have_title(title)
    requests: list[Request] = []

    def note(request: Request) -> None:
        requests.append(request)

    page.on("request", note)
    output.get_by_role("button", name="Preview").click()
    frame = page.locator("iframe[title='Preview of the output']")
    preview = frame.content_frame
    expect(preview.get_by_text("Hello")).to_be_visible()
    preview.get_by_role("button", name="Press").click()
    preview.get_by_role("link", name="Go").click()
    page.wait_for_timeout(500)  # for whatever would come by itself
    expect(preview.get_by_text("Hello")).to_be_visible()
    assert frame.get_attribute("sandbox") == ""
    expect(page).to_have_title(title)
    assert page.url == f"{owner_server.url}{path}"
    assert page.evaluate("window.heard") == []
    # The browser may also log the requests that the policy blocks.
    sent = [request.url for request in requests if "csp" not in (request.failure or "").lower()]
    assert [url for url in sent if "about:srcdoc" not in url] == []
    page.reload()
    expect(page.get_by_role("region", name="Output")).to_be_visible()  # still logged in
    page.close()


def test_binary_output_is_summarised(
    owner_server: Server, owner: httpx.Client, page: Page, shoot: Shoot
) -> None:
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
    path = call(owner, "faults/call/echo", data, **{"Content-Type": "application/octet-stream"})
    open_as_owner(page, owner_server, path)
    output = page.get_by_role("region", name="Output")
    expect(output).to_contain_text("PNG image, 10.2 kB")
    expect(output.get_by_role("group", name="First bytes")).to_contain_text("89 50 4e 47 0d 0a 1a 0a")
    output.scroll_into_view_if_needed()
    shoot("execution-binary")
    with page.expect_download() as download:
        output.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes() == data


def test_data_too_large_to_record_is_explained(owner_server: Server, owner: httpx.Client, page: Page) -> None:
    path = call(owner, "faults/call/echo", b"x" * 100_000)
    open_as_owner(page, owner_server, path)
    for region in ("Input", "Output"):
        expect(page.get_by_role("region", name=region)).to_contain_text("too large for the history")
    expect(page.get_by_role("button", name="Run again")).to_have_count(0)
    expect(page.get_by_role("link", name="Open function")).to_be_visible()


def test_execution_page_updates_live_and_cancels(
    owner_server: Server, owner: httpx.Client, page: Page, shoot: Shoot
) -> None:
    headers = {"Prefer": "respond-async"}
    started = owner.post("/api/v1/plugins/faults/call/loop_forever", headers=headers)
    assert started.status_code == 202
    path = started.headers["Location"].removeprefix("/api/v1")
    open_as_owner(page, owner_server, path)
    state = page.locator("main").get_by_role("status").first
    expect(state).to_have_text("Running")
    shoot("execution-running")
    page.get_by_role("button", name="Cancel").click()
    expect(state).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    shoot("execution-cancelled")


def test_server_run_is_cancelled_from_the_plugin_page(owner_server: Server, page: Page) -> None:
    open_as_owner(page, owner_server, "/plugins/faults/sleep_forever")
    page.get_by_label("Input", exact=True).fill("Zoë")
    page.get_by_role("button", name="Run", exact=True).click()
    activity = page.get_by_role("region", name="Activity").get_by_role("listitem").first
    expect(activity).to_contain_text("sleep_forever")
    expect(activity).to_contain_text("Running")
    expect(page.get_by_role("progressbar", name="Running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    expect(activity).to_contain_text("Cancelled")


def test_repeating_a_run_with_host_calls_asks_for_confirmation(
    owner_server: Server, owner: httpx.Client, page: Page, shoot: Shoot
) -> None:
    path = call(owner, "template/call/greet", b'{"name": "Ada"}')
    open_as_owner(page, owner_server, path)
    page.get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(f"{owner_server.url}{path}")
    expect(page.get_by_role("region", name="Output")).to_contain_text("Hello, Ada!")

    owner_server.install_fixture("hostcall")
    url = "http://hostbridge.invalid/host/v1/kv"
    path = call(owner, "hostcall/call/fetch", json.dumps({"method": "GET", "url": url}).encode())
    page.goto(f"{owner_server.url}{path}")
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("dialog")).to_contain_text("It made 1 host call")
    shoot("execution-again")
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(f"{owner_server.url}{path}")
    expect(page.get_by_role("region", name="Host calls")).to_contain_text("kv_list")


def test_log_lines_are_shown(owner_server: Server, owner: httpx.Client, page: Page, shoot: Shoot) -> None:
    owner_server.manage("plugin", "install", "wasm-plugins/fixtures/log_flood")
    owner_server.manage("plugin", "activate", "log-flood", "1.0.0")
    path = call(owner, "log-flood/call/run")
    lines = owner.get(f"/api/v1{path}").json()["logs"]
    assert lines
    open_as_owner(page, owner_server, path)
    log = page.get_by_role("region", name="Log")
    expect(log.get_by_role("listitem")).to_have_count(len(lines))
    expect(log.get_by_role("listitem").first).to_contain_text(lines[0]["level"])
    log.scroll_into_view_if_needed()
    shoot("execution-log")
