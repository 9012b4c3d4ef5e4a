"""A real browser: the machine's Chromium (or the one that CHROMIUM names), driven by Playwright."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserType, ConsoleMessage, Page, expect, sync_playwright

from tests.chromium import launch
from tests.e2e import checks
from tests.server import Server

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"
# Long enough for a busy machine; a passing expectation does not wait.
PATIENCE_SECONDS = 20
expect.set_options(timeout=PATIENCE_SECONDS * 1000)
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1440, "height": 900}}


def launch_or_skip(kind: BrowserType, *arguments: str) -> Browser:
    try:
        return launch(kind, *arguments)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch_or_skip(playwright.chromium)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def chromium_for_local_stand_ins(chromium: Browser) -> Iterator[Browser]:
    """Chromium treats a file that a test serves itself as one from the internet, and blocks its requests to
    this computer. This instance does not.
    """
    browser = launch_or_skip(chromium.browser_type, "--disable-features=LocalNetworkAccessChecks")
    yield browser
    browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A new visitor's page. The test fails on any console error, CSP violation or request to another host."""
    context = chromium.new_context(viewport=SIZES["desktop"], reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # Refused requests are allowed, and so are requests without a network.
        expected = "status of 4" in message.text or checks.NO_NETWORK in message.text
        if message.type == "error" and not expected:
            complaints.append(message.text)

    def on_request(url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:")):
            complaints.append(f"a request to {url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: on_request(request.url))
    yield page
    context.close()
    assert complaints == []


class SaveScreenshot(Protocol):
    def __call__(self, page: Page, name: str, *, full_page: bool = False) -> None: ...


@pytest.fixture(scope="session")
def save_screenshot(pytestconfig: pytest.Config) -> SaveScreenshot:
    """Saves a screenshot under this name if pytest was started with --screenshots; no test looks at it."""
    if not pytestconfig.getoption("screenshots"):
        return lambda page, name, full_page=False: None
    ARTIFACTS.mkdir(parents=True, exist_ok=True)

    def save(page: Page, name: str, *, full_page: bool = False) -> None:
        if full_page:
            page.evaluate("scrollTo(0, 0)")  # or the sticky top bar is in the middle of the picture
        page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=full_page)

    return save


@pytest.fixture
def shoot(page: Page, save_screenshot: SaveScreenshot) -> Callable[[str], None]:
    """Checks that the page fits a phone and a desktop in light and dark, and saves a screenshot of each."""

    def shoot(name: str) -> None:
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)  # type: ignore[arg-type]
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                checks.at_rest(page)
                save_screenshot(page, f"{name}-{size}-{scheme}")
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= viewport["width"], f"{name} scrolls sideways at {size}"
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(SIZES["desktop"])  # type: ignore[arg-type]

    return shoot


@pytest.fixture(scope="package")
def fixtures_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the fixtures that run in a browser, without grants. Its owner is owner@example.com."""
    # The fixtures fail on purpose: never pause them.
    server = Server.start(
        tmp_path_factory.mktemp("fixtures") / "data", PLUGIN_FAULT_BUDGET="0", PLUGIN_SLOW_BUDGET="0"
    )
    server.make_owner()
    # A short time limit only for endless functions.
    endless = {name: {"timeout_ms": 1000} for name in ("loop_forever", "sleep_forever")}
    server.install_fixture("faults", functions=endless, max_input_kb=2048, timeout_ms=20_000)
    server.install_fixture("hostcall", max_host_calls=3, max_bridge_kb=64, timeout_ms=20_000)
    server.install_fixture("hostfn", timeout_ms=20_000)
    install = "from tests.plugins.unchecked import *; install_unchecked('init_loop', 1000)"
    server.manage("shell", "-v", "0", "-c", install)  # it would not survive its trial
    yield server
    server.stop()


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """A server without any user yet."""
    server = Server.start(tmp_path / "data")
    yield server
    server.stop()
