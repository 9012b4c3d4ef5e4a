"""Checks every page of the app in each of its states: light and dark, on phone and wide screen."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e import checks
from tests.e2e.conftest import SaveScreenshot
from tests.e2e.states import BROKEN, HELD, OFFLINE, OWNER, STATES, Answer, Refusal, Stage, State
from tests.server import PASSWORD, ROOT

WIDTHS = {"desktop": 1920, "tablet": 768, "phone": 360}
SCHEMES = ("light", "dark")
PATIENCE_MS = 20_000
APP = (ROOT / "frontend" / "src" / "app" / "App.tsx").read_text()
# Pages that are not routes, and the state that covers each of them.
WITHOUT_ADDRESS = {"StartPage": "start-failed", "SetUpPage": "set-up", "NotFoundPage": "not-found"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage.start(tmp_path_factory.mktemp("pages") / "data")
    yield stage
    stage.stop()


Visitors = Callable[[str | None], BrowserContext]


@pytest.fixture(scope="module")
def visitors(chromium: Browser, stage: Stage) -> Iterator[Visitors]:
    """A browser context for each user, logged in once; None is a visitor."""
    contexts: dict[str | None, BrowserContext] = {}

    def visitor(email: str | None) -> BrowserContext:
        if email not in contexts:
            contexts[email] = chromium.new_context(reduced_motion="reduce")
            if email is not None:
                log_in(contexts[email], stage.server.url, email)
        return contexts[email]

    yield visitor
    for context in contexts.values():
        context.close()


def log_in(context: BrowserContext, url: str, email: str) -> None:
    page = context.new_page()
    page.goto(f"{url}/login")
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()
    page.close()


def give(page: Page, path: str, answer: Answer) -> None:
    """Answers the page's requests to this path instead of the server."""

    def reply(route: Route) -> None:
        if answer == OFFLINE:
            route.abort("internetdisconnected")
        elif answer == BROKEN:
            route.fulfill(status=500, content_type="text/html", body="<h1>Internal Server Error</h1>")
        elif isinstance(answer, Refusal):
            route.fulfill(status=answer.status, content_type="application/problem+json", json=answer.body)
        elif answer != HELD:
            route.fulfill(json=answer)

    page.route(re.compile(rf"{re.escape(path)}(\?.*)?$"), reply)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_page_has_no_faults(
    state: State, stage: Stage, visitors: Visitors, save_screenshot: SaveScreenshot
) -> None:
    page = visitors(state.visitor).new_page()
    watch = checks.Watch(page, stage.server.url, state.failing(stage))
    page.set_viewport_size({"width": WIDTHS["desktop"], "height": 1000})
    for path, answer in state.answers.items():
        give(page, stage.fill(path), answer)
    page.goto(stage.server.url + stage.fill(state.path))
    state.prepare(page)
    expect(page.get_by_text(state.shows).locator("visible=true").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_title(state.title)
    faults = checks.structure(page) + checks.motion(page)
    for size, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 1000})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            checks.at_rest(page)
            # The other scheme differs only in colours.
            found = checks.overflow(page) + checks.barriers(page, colours_only=scheme != SCHEMES[0])
            faults += [f"{size} {scheme}: {fault}" for fault in found]
            if size != "tablet":
                save_screenshot(page, f"page-{state.name}-{size}-{scheme}", full_page=True)
    page.close()
    assert faults + watch.complaints == []


@pytest.mark.parametrize(
    ("path", "visitor"), [("/admin/login/", None), ("/admin/", OWNER), ("/api/docs/", None)]
)
def test_library_pages_have_an_empty_console(
    path: str, visitor: str | None, stage: Stage, visitors: Visitors
) -> None:
    """Their markup is not ours, but what they load and what our policy allows is."""
    page = visitors(visitor).new_page()
    watch = checks.Watch(page, stage.server.url)
    page.goto(f"{stage.server.url}{path}", wait_until="networkidle")
    assert watch.complaints == []
    page.close()


def test_the_checks_find_faults(stage: Stage, visitors: Visitors) -> None:
    page = visitors(None).new_page()
    watch = checks.Watch(page, stage.server.url)
    page.goto(f"{stage.server.url}/login")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 800})
    assert [
        *checks.structure(page),
        *checks.overflow(page),
        *checks.barriers(page),
        *checks.motion(page),
    ] == []
    assert watch.complaints == []

    page.evaluate(
        """async () => {
            document.body.insertAdjacentHTML('beforeend', '<h1>Two</h1><input><p>faint</p><div>wide</div>');
            document.body.querySelector('p:last-of-type').style.color = '#ccc';
            document.body.lastElementChild.style.width = '2000px';
            document.body.lastElementChild.style.setProperty('transition', 'color 1s', 'important');
            console.warn('unhappy');
            setTimeout(() => { throw new Error('uncaught one') });
            await fetch('/nothing.json').then(() => fetch('/api/v1/nothing'));
            await fetch('http://127.0.0.2:9/').catch(() => null);
        }"""
    )
    found = "\n".join(
        checks.structure(page) + checks.overflow(page) + checks.barriers(page) + checks.motion(page)
    )
    for fault in (
        "2 elements h1",
        "px wide in a window of 360",
        "axe label",
        "axe color-contrast",
        "moves for 1 s",
    ):
        assert fault in found
    complaints = "\n".join(watch.complaints)
    for complaint in ("unhappy", "uncaught one", "/api/v1/nothing: 404", "CSP: connect-src"):
        assert complaint in complaints
    page.close()


def routes(source: str) -> set[str]:
    """The addresses of the app, as App.tsx declares them."""
    declared = re.findall(r'<Route\s+(?:path="([^"]+)"|index\b)', source)
    assert len(declared) == len(re.findall(r"<Route\b(?! element)", source)), "a route in another form"
    return set(declared)


def pattern(route: str) -> str:
    """A regular expression for the paths of a route, in React Router's notation."""
    parts = [part for part in route.split("/") if part]
    segments = ("[^/]+" if part.startswith(":") else part.rstrip("?") for part in parts)
    optional = ("?" if part.endswith("?") else "" for part in parts)
    return "".join(f"(/{segment}){mark}" for segment, mark in zip(segments, optional, strict=True)) or "/"


def routes_without_a_state(source: str) -> set[str]:
    known = routes(source) - {"*"}
    addresses = [state.example for state in STATES]
    missing = {route for route in known if not any(re.fullmatch(pattern(route), path) for path in addresses)}
    lost = [path for path in addresses if not any(re.fullmatch(pattern(route), path) for route in known)]
    return missing | (set() if lost else {"*"})


def test_every_route_has_a_state() -> None:
    assert routes_without_a_state(APP) == set()
    more = APP.replace(
        "<Route index", '<Route path="plugins/:slug/new" element={<NewPage />} />\n<Route index'
    )
    assert routes_without_a_state(more) == {"plugins/:slug/new"}


def test_every_page_without_an_address_has_a_state() -> None:
    routed = set(re.findall(r"element={<(\w+Page) />}", APP))
    shown = set(re.findall(r"<(\w+Page) />", APP))
    assert shown - routed - {"UnknownPage"} == set(WITHOUT_ADDRESS)
    assert set(WITHOUT_ADDRESS.values()) <= {state.name for state in STATES}
