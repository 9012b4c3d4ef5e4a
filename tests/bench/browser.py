"""Measures what users wait for in the browser: a run, the first load, and the frames of a long list.

Uses a real server and a real headless Chromium on this machine. The page is used as a user would use it, with
one addition: a script that records times (browser_probe.js). While frames are counted, nothing is located by
role, because that would take longer than a frame.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    StorageState,
    expect,
    sync_playwright,
)

from tests.bench.devtools import unwatched
from tests.bench.report import Goal, single
from tests.chromium import launch
from tests.server import PASSWORD, Server

RUNS = 60
PAUSE_MS = 250  # between two runs; no user presses the button sooner
LOADS = 9
ROWS = 1000
SCROLLS = 100
SCROLL_PX = 500
LONG_FRAME_MS = 50
RUN = Goal(40, at_most=True)
FIRST_LOAD = Goal(1000, at_most=True)
NO_LONG_FRAME = Goal(0, at_most=True)
PROBE = Path(__file__).with_name("browser_probe.js")
SIZE: Any = {"width": 1440, "height": 900}
HOST = "http://hostbridge.invalid/host/v1"
_ROWS = f"""
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from plugins.models import Execution, Plugin
plugin, user, now = Plugin.objects.get(slug="template"), User.objects.get(), timezone.now()
problem = {{"type": "urn:hostbridge:problem:plugin-error", "title": "The plugin failed", "status": 422}}
Execution.objects.bulk_create(
    Execution(
        plugin=plugin, release=plugin.active, function="greet", user=user,
        state=["succeeded", "failed"][n % 5 == 0], problem=None if n % 5 else problem,
        target=["server", "browser"][n % 3 == 0], queue_ms=0, start_ms=1, run_ms=n, host_ms=0,
        created_at=now - timedelta(seconds=37 * n), finished_at=now - timedelta(seconds=37 * n),
    )
    for n in range({ROWS})
)
"""


def main(folder: Path) -> None:
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright.chromium)
        except FileNotFoundError as missing:
            print(f"  skipped: {missing}")
            return
        server = Server.start(folder / "browser", LOG_LEVEL="ERROR")
        try:
            measure(playwright, browser, server)
        finally:
            browser.close()
            server.stop()


def measure(playwright: Playwright, browser: Browser, server: Server) -> None:
    prepare(server)
    visitor = log_in(browser, server)
    measure_runs(playwright, visitor, server)
    measure_first_load(browser, visitor, server)
    server.manage("shell", "-v", "0", "-c", _ROWS)
    measure_list(browser, visitor, server)


def prepare(server: Server) -> None:
    server.make_owner()
    server.install_fixture("hostcall")
    with server.log_in("owner@example.com") as owner:
        grants = {"grants": ["db_get_user_by_email", "db_get_user_by_uuid"]}
        owner.patch("/api/v1/plugins/hostcall", json=grants).raise_for_status()


def log_in(browser: Browser, server: Server) -> StorageState:
    """The owner's cookies, for contexts that begin with nothing else."""
    page = browser.new_page()
    page.goto(server.url)
    page.get_by_label("E-mail", exact=True).fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()
    state = page.context.storage_state()
    page.context.close()
    return state


@contextmanager
def fresh_page(browser: Browser, visitor: StorageState) -> Any:
    """A page of a logged-in user with an empty cache."""
    context = browser.new_context(storage_state=visitor, viewport=SIZE)
    page = context.new_page()
    page.add_init_script(path=PROBE)
    try:
        yield page
    finally:
        context.close()


# --- a run --------------------------------------------------------------------------------------------


def measure_runs(playwright: Playwright, visitor: StorageState, server: Server) -> None:
    with server.log_in("owner@example.com") as owner:
        me = owner.get("/api/v1/auth/session").json()["user"]["id"]
        asked = [{"url": f"{HOST}/users?email=owner@example.com"}, {"url": f"{HOST}/users/{me}"}]

        def set_up(context: BrowserContext) -> Page:
            context.add_cookies(visitor["cookies"])  # type: ignore[arg-type] # as they came from it
            page = context.pages[0]
            page.add_init_script(path=PROBE)
            page.goto(f"{server.url}/plugins/hostcall/fetch_many")
            page.get_by_role("button", name="Raw JSON").click()
            page.get_by_label("Input as JSON").fill(json.dumps(asked))
            page.get_by_role("button", name="In this browser").click()
            page.wait_for_timeout(1000)
            return page

        with unwatched(playwright, SIZE, set_up) as evaluate:
            first, *runs = [run_once(evaluate) for _ in range(1 + RUNS)]
        records = {
            found["id"]: found for found in owner.get("/api/v1/executions?page_size=200").json()["results"]
        }
    for run in (first, *runs):
        record = records[run["id"]]
        if record["state"] != "succeeded":
            raise RuntimeError(f"A run of the bench failed: {record}")
    parts = [parts_of(run["times"], records[run["id"]]["timing"]) for run in runs]
    print(f"\n  A run in the browser with two host calls, {RUNS} of them, p50 and p95 in ms")
    totals = [run["times"]["end"] for run in runs]
    print(single("the first run, which loads everything", f"{first['times']['end']:.1f}"))
    print(spread("from the button until the page has the output", totals, RUN.judge(median(totals))))
    for name in parts[0]:
        print(spread(f"  {name}", [part[name] for part in parts]))
    for name in ("shown", "painted"):
        print(spread(f"from the button until it is {name}", [run["times"][name] for run in runs]))


def run_once(evaluate: Callable[[str], Any]) -> dict[str, Any]:
    run: dict[str, Any] = evaluate("probe.run()")
    time.sleep(PAUSE_MS / 1000)
    return run


def parts_of(at: dict[str, float], timing: dict[str, float]) -> dict[str, float]:
    """The consecutive parts of one run, in milliseconds."""
    guest = at["end"] - at["compiled"]
    accounted = timing["run_ms"] + timing["host_ms"]
    return {
        "the page sends its request": at["asked"],
        "the server starts the run": at["answered"] - at["asked"],
        "the worker and the module are loaded": at["job"] - at["answered"],
        "the worker receives the job and compiles": at["compiled"] - at["job"],
        "instantiation and messages": guest - accounted,
        "the guest": timing["run_ms"],
        "two host calls": timing["host_ms"],
    }


# --- the first load -----------------------------------------------------------------------------------


def measure_first_load(browser: Browser, visitor: StorageState, server: Server) -> None:
    loads = []
    for _ in range(LOADS):
        with fresh_page(browser, visitor) as page:
            page.goto(f"{server.url}/plugins", wait_until="commit")
            loads.append(float(page.evaluate("probe.shown('main .card-grid > li')")))
    print(f"\n  The app's first load with an empty cache, {LOADS} times, p50 and p95 in ms")
    print(spread("from the navigation to the catalogue", loads, FIRST_LOAD.judge(median(loads))))


# --- a long list --------------------------------------------------------------------------------------


def measure_list(browser: Browser, visitor: StorageState, server: Server) -> None:
    print(f"\n  Frames of the list of executions with {ROWS:,} rows: gaps, p50 and p95 in ms")
    with server.log_in("owner@example.com") as owner, fresh_page(browser, visitor) as page:
        page.goto(f"{server.url}/executions")
        page.wait_for_selector(".executions tbody tr")
        page.wait_for_timeout(500)
        say_frames("while it is loaded page by page", frames_of(page, load_all))
        say_frames(f"while it is scrolled, {SCROLLS} times {SCROLL_PX} px", frames_of(page, scroll))
        say_frames(
            "while 20 calls made elsewhere appear in it", frames_of(page, lambda page: call(owner, page))
        )
        say_frames("while a filter is set and removed", frames_of(page, choose_failed))


def frames_of(page: Page, act: Callable[[Page], None]) -> list[float]:
    frames = page.evaluate_handle("probe.frames()")
    act(page)
    gaps: list[float] = frames.evaluate("frames => frames.stop()")
    return gaps


def load_all(page: Page) -> None:
    rows = page.evaluate("probe.loadAll('.load-more button', '.executions tbody tr')")
    if rows < ROWS:
        raise RuntimeError(f"The list has {rows} rows.")


def scroll(page: Page) -> None:
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(SIZE["width"] / 3, SIZE["height"] / 2)
    for _ in range(SCROLLS):
        page.mouse.wheel(0, SCROLL_PX)
        page.wait_for_timeout(16)


def call(owner: httpx.Client, page: Page) -> None:
    for _ in range(20):
        owner.post("/api/v1/plugins/template/call/greet", json={"name": "Ada"}).raise_for_status()
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)


def choose_failed(page: Page) -> None:
    succeeded, failed = (
        f"document.querySelector('.executions .state-{name}')" for name in ("succeeded", "failed")
    )
    page.select_option(".filters select >> nth=0", "failed")
    page.evaluate(f"probe.when(() => {failed} && !{succeeded} ? true : null)")
    page.select_option(".filters select >> nth=0", "")
    page.evaluate(f"probe.when(() => {succeeded} ? true : null)")


# --- output -------------------------------------------------------------------------------------------


def spread(name: str, values: Sequence[float], note: str = "") -> str:
    return single(name, f"{median(values):.1f} {p95(values):.1f}", note)


def say_frames(name: str, gaps: Sequence[float]) -> None:
    long = sum(gap > LONG_FRAME_MS for gap in gaps)
    note = f"max {max(gaps):.0f}; {long} over {LONG_FRAME_MS} ms: {NO_LONG_FRAME.judge(long)}"
    print(spread(name, gaps, note))


def p95(values: Iterable[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[94]
