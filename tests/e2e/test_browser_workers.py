"""The workers of runs in a browser: one for each run, a spare one, and runs ended from elsewhere."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, WebSocketRoute, Worker, expect

from tests.e2e.browser_runs import Visitor, execution, expect_no_worker, wait_in
from tests.plugins.bundles import samples
from tests.server import PASSWORD, Server

# Records for each job whether its module is compiled, and whether it contains a token.
NOTE_JOBS = """
window.jobs = [];
window.Worker = class extends Worker {
  postMessage(message, ...rest) {
    if (message.type === 'job') {
      const { wasm, host } = message.job;
      window.jobs.push([wasm instanceof WebAssembly.Module ? 'compiled' : 'bytes', host?.token ?? null]);
    }
    super.postMessage(message, ...rest);
  }
};
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with fixtures that run until they are cancelled."""
    server = Server.start(tmp_path_factory.mktemp("workers") / "data")
    server.make_owner()
    server.install_fixture("faults", timeout_ms=30_000)
    server.install_fixture("hostcall", timeout_ms=30_000)
    yield server
    server.stop()


@pytest.fixture
def owner(stage: Server) -> Iterator[httpx.Client]:
    with stage.log_in("owner@example.com") as owner:
        yield owner


@pytest.fixture
def visitor(stage: Server, chromium: Browser) -> Iterator[Visitor]:
    context = chromium.new_context()
    context.add_init_script(NOTE_JOBS)
    yield Visitor(context.new_page(), stage)
    context.close()


def open_in_browser(page: Page, server: Server, path: str) -> list[Worker]:
    """Opens the function to run in this browser. Returns the list of workers that the page starts."""
    workers: list[Worker] = []

    def note(worker: Worker) -> None:
        workers.append(worker)

    page.on("worker", note)
    page.goto(f"{server.url}/plugins/{path}")
    page.get_by_label("E-mail", exact=True).fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="In this browser").click()
    return workers


def run_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Run", exact=True)


def expect_spare(page: Page, workers: list[Worker], started: int) -> None:
    """Expects this number of started workers, of which only the last is alive."""
    wait_in(page, lambda: len(workers) == started and page.workers == workers[-1:])


# --- a spare worker -----------------------------------------------------------------------------------


def test_each_run_takes_the_spare_worker_and_ends_it(stage: Server, page: Page) -> None:
    workers = open_in_browser(page, stage, "faults/counter")
    result = page.get_by_role("region", name="Result")
    for run in range(3):
        expect_spare(page, workers, run + 1)
        with page.expect_response("**/finish"):
            run_button(page).click()
        expect(result).to_contain_text("Succeeded")
        expect(result.get_by_text("1", exact=True)).to_be_visible()  # what it counted: nothing is left over
    expect_spare(page, workers, 4)

    # Without the browser as target there is no spare worker.
    page.get_by_role("button", name="On the server").click()
    expect_no_worker(page)
    page.get_by_role("button", name="In this browser").click()
    expect_spare(page, workers, 5)
    page.get_by_role("link", name="All plugins").click()
    expect_no_worker(page)


def test_failed_spare_worker_is_not_used(stage: Server, page: Page) -> None:
    failing = {"left": 1}

    def fail_once(route: Route) -> None:
        failing["left"] -= 1
        if failing["left"] >= 0:
            route.fulfill(status=404)
        else:
            route.continue_()

    page.route("**/assets/plugin-worker-*.js", fail_once)
    with page.expect_response("**/assets/plugin-worker-*.js"):
        open_in_browser(page, stage, "faults/counter")
    expect_no_worker(page)
    run_button(page).click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("Succeeded")


# --- the cached module -------------------------------------------------------------------------------


def test_module_is_compiled_once_per_release(visitor: Visitor, owner: httpx.Client) -> None:
    fetched: list[str] = []
    visitor.page.on("request", lambda request: fetched.append(request.url))
    asked = json.dumps({"url": "http://x/"}).encode()

    def jobs_of_two_runs() -> object:
        for _ in range(2):
            assert json.loads(visitor.run("hostcall", "fetch", asked)["output"])["status"] == 403
        return visitor.page.evaluate("window.jobs.splice(0).map(([wasm]) => wasm)")

    assert jobs_of_two_runs() == ["bytes", "compiled"]
    another = samples.zipped(version="1.1.0", wasm=samples.WASM + b"\0\2\1x")
    upload = {"bundle": ("hostcall.zip", another)}
    owner.post("/api/v1/plugins", files=upload).raise_for_status()
    owner.post("/api/v1/plugins/hostcall/releases/1.1.0/activate", json={}).raise_for_status()
    assert jobs_of_two_runs() == ["bytes", "compiled"]
    assert [url.partition("/releases/")[2] for url in fetched if url.endswith("/wasm")] == [
        "1.0.0/wasm",
        "1.1.0/wasm",
    ]


# --- the page sends host requests -----------------------------------------------------------------------


def test_worker_with_jspi_gets_no_token_and_sends_no_requests(visitor: Visitor, owner: httpx.Client) -> None:
    owner.patch("/api/v1/plugins/hostcall", json={"grants": ["db_get_user_by_email"]}).raise_for_status()
    asked: list[tuple[str, str]] = []
    visitor.page.on("request", lambda request: asked.append((request.method, request.url)))
    url = "http://hostbridge.invalid/host/v1/users?email=owner@example.com"
    reply = json.loads(visitor.run("hostcall", "fetch", json.dumps({"url": url}).encode())["output"])
    assert reply["status"] == 200
    assert [token for _, token in visitor.page.evaluate("window.jobs")] == [None]
    # Sent by the page, from its own origin: the worker's opaque origin would need a preflight request.
    assert [method for method, url in asked if "/host/v1/" in url] == ["GET"]


# --- ended by the same page -------------------------------------------------------------------------------


def test_run_can_be_aborted(visitor: Visitor, owner: httpx.Client) -> None:
    assert visitor.run("faults", "loop_forever", cancel_after_ms=300) == {"aborted": "AbortError"}
    expect_no_worker(visitor.page)
    latest = owner.get("/api/v1/executions?plugin=faults").json()["results"][0]
    assert execution(owner, latest["id"], "cancelled")["function"] == "loop_forever"


def test_leaving_the_page_ends_its_run(visitor: Visitor, owner: httpx.Client) -> None:
    page = visitor.page
    page.goto(f"{visitor.server.url}/plugins/faults/sleep_forever")
    page.get_by_role("button", name="In this browser").click()
    wait_in(page, lambda: len(page.workers) == 1)
    with page.expect_response("**/browser-runs") as started:
        run_button(page).click()
    execution_id = started.value.json()["execution_id"]
    page.goto("about:blank")
    execution(owner, execution_id, "cancelled")


def test_cancel_button_cancels_the_run(stage: Server, page: Page) -> None:
    open_in_browser(page, stage, "faults/loop_forever")
    run_button(page).click()
    page.get_by_role("button", name="Cancel").click()
    expect(run_button(page)).to_be_enabled()
    activity = page.get_by_role("region", name="Activity")
    expect(activity.get_by_role("listitem").first).to_contain_text("Cancelled")


# --- ended from elsewhere -----------------------------------------------------------------------------


def test_run_cancelled_elsewhere_stops_and_says_so(stage: Server, page: Page, owner: httpx.Client) -> None:
    workers = open_in_browser(page, stage, "faults/loop_forever")
    expect_spare(page, workers, 1)
    reported: list[str] = []
    page.on("request", lambda request: reported.append(request.url))
    with page.expect_response("**/browser-runs") as started:
        run_button(page).click()
    execution = f"/api/v1/executions/{started.value.json()['execution_id']}"
    assert page.workers == workers
    assert owner.post(f"{execution}/cancel").status_code == 204
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("The execution was cancelled")
    expect(run_button(page)).to_be_enabled()
    expect_spare(page, workers, 2)  # the next run's
    assert owner.get(execution).json()["state"] == "cancelled"
    assert not [url for url in reported if url.endswith("/finish")]


def test_run_cancelled_elsewhere_is_reported_without_a_live_event(
    visitor: Visitor, owner: httpx.Client
) -> None:
    """The page's report comes too late: it shows the end from the record."""

    def cancel_first(route: Route) -> None:
        path = route.request.url.removeprefix(visitor.server.url).replace("/finish", "/cancel")
        assert owner.post(path).status_code == 204
        route.continue_()

    visitor.page.route("**/finish", cancel_first)
    assert visitor.run("faults", "panic")["problem"]["title"] == "The execution was cancelled"


def test_end_missed_during_a_feed_gap_is_fetched(stage: Server, page: Page, owner: httpx.Client) -> None:
    """The page's event stream starts only after the run was cancelled."""
    sockets: list[WebSocketRoute] = []

    def keep_silent(socket: WebSocketRoute) -> None:
        sockets.append(socket)

    page.route_web_socket("**/ws/v1/events", keep_silent)
    workers = open_in_browser(page, stage, "faults/loop_forever")
    expect_spare(page, workers, 1)
    with page.expect_response("**/browser-runs") as started:
        run_button(page).click()
    execution_id = started.value.json()["execution_id"]
    assert owner.post(f"/api/v1/executions/{execution_id}/cancel").status_code == 204
    page.wait_for_timeout(300)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    ready = {"id": "1-1", "type": "feed.ready", "at": "2026-01-01T00:00:00Z", "data": {}}
    sockets[-1].send(json.dumps(ready))
    expect(page.get_by_role("region", name="Result")).to_contain_text("The execution was cancelled")
