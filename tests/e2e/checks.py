"""Checks for every page: an empty console, no requests to other hosts, accessibility, layout."""

from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

from tests.server import ROOT

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
# WCAG 2.2 levels A and AA, and the best practices of axe's authors.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The browser logs violations itself, but not those of a report-only policy or a worker.
_TELL_VIOLATIONS = """document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`CSP: ${event.effectiveDirective} refused ${event.blockedURI}`))"""
_RUN_AXE = """async (runOnly) => {
  const { violations } = await axe.run(document, { runOnly, resultTypes: ['violations'], preload: false });
  return violations.flatMap(({ id, help, nodes }) => nodes.map(
    ({ target, failureSummary }) => `axe ${id} (${help}) at ${target}: ${failureSummary}`));
}"""
_LONGEST_MOTION = """() => {
  // Computed durations are in seconds.
  const longestOf = (list) => Math.max(...list.split(',').map((text) => parseFloat(text)));
  let longest = 0;
  for (const element of document.querySelectorAll('*'))
    for (const part of [null, '::before', '::after', '::backdrop']) {
      const { animationDuration, transitionDuration } = getComputedStyle(element, part);
      longest = Math.max(longest, longestOf(animationDuration), longestOf(transitionDuration));
    }
  return longest;
}"""
# What the browser logs for requests while a test disables the network. Not a fault of the page.
NO_NETWORK = "net::ERR_INTERNET_DISCONNECTED"
_AT_REST = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""


class Watch:
    """Collects the complaints about a page, from its first request on.

    `failing` lists the server paths whose requests may fail in this test.
    """

    def __init__(self, page: Page, origin: str, failing: Collection[str] = ()) -> None:
        self.complaints: list[str] = []
        self._own = (f"{origin}/", f"{origin.replace('http', 'ws', 1)}/", "data:", "blob:")
        self._failing = tuple(failing)
        page.add_init_script(_TELL_VIOLATIONS)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)

    def _is_expected(self, url: str) -> bool:
        return urlsplit(url).path in self._failing

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning") or NO_NETWORK in message.text:
            return
        if self._is_expected(message.location.get("url", "")):
            return
        self.complaints.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith(self._own):
            self.complaints.append(f"a request to {request.url}")

    def _on_failure(self, request: Request) -> None:
        # A page may abort its own request when it shows something else.
        if request.failure not in ("net::ERR_ABORTED", NO_NETWORK) and not self._is_expected(request.url):
            self.complaints.append(f"{request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and not self._is_expected(response.url):
            self.complaints.append(f"{response.url}: {response.status}")


def at_rest(page: Page) -> None:
    """Waits until the last change is laid out and painted."""
    page.evaluate(_AT_REST)


def structure(page: Page) -> list[str]:
    """Faults in the document's outline."""
    counts = {name: page.locator(name).count() for name in ("h1", "main")}
    return [f"{count} elements {name}, not one" for name, count in counts.items() if count != 1]


def overflow(page: Page) -> list[str]:
    """Whether the page scrolls sideways."""
    width, window = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    return [f"{width} px wide in a window of {window} px"] if width > window else []


def barriers(page: Page, *, colours_only: bool = False) -> list[str]:
    """The violations that axe-core finds, with their elements and how to fix them."""
    rules = (
        {"type": "rule", "values": ["color-contrast"]}
        if colours_only
        else {"type": "tag", "values": AXE_TAGS}
    )
    if not page.evaluate("'axe' in window"):
        page.evaluate(Path(AXE).read_text())
    found: list[str] = page.evaluate(_RUN_AXE, rules)
    return found


def motion(page: Page) -> list[str]:
    """Animations and transitions that run in spite of reduced motion."""
    longest: float = page.evaluate(_LONGEST_MOTION)
    return [f"something moves for {longest} s"] if longest > 0.001 else []
