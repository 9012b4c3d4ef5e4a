"""Runs functions with the page's own code, in its session, and returns the outcome."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.server import PASSWORD, ROOT, Server

# The module that the page loads to run a function in the browser.
_RUN = """async ([module, slug, name, body, cancelAfterMs]) => {
  const { runInBrowser } = await import(module);
  const controller = new AbortController();
  // Called once the server knows of the run.
  const watchEnd = () => {
    if (cancelAfterMs !== null) setTimeout(() => controller.abort(), cancelAfterMs);
    return () => undefined;
  };
  const input = Uint8Array.from(atob(body), (character) => character.codePointAt(0));
  const call = { slug, name, body: input, contentType: 'application/octet-stream' };
  let outcome;
  try {
    outcome = await runInBrowser(call, controller.signal, watchEnd);
  } catch (error) {
    return { aborted: error.name };
  }
  const { executionId, timing } = outcome;
  if (!outcome.ok) {
    const { code, status, title, detail, errors } = outcome.problem;
    return { executionId, timing, problem: { code, status, title, detail, errors } };
  }
  let output = '';
  for (const byte of outcome.output.data) output += String.fromCodePoint(byte);
  return { executionId, timing, output: btoa(output) };
}"""


# Cookies of earlier log-ins, reused in new contexts.
_LOGGED_IN: dict[tuple[str, str], Any] = {}


def log_in(page: Page, server: Server, email: str) -> None:
    page.goto(server.url)
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()


@dataclass(frozen=True)
class Result:
    """What a caller gets: the output, or the problem without the members that identify the run."""

    output: bytes | None
    problem: dict[str, Any] | None


class Visitor:
    """A logged-in user in a real browser."""

    def __init__(self, page: Page, server: Server, email: str = "owner@example.com") -> None:
        self.page = page
        self.server = server
        if (server.url, email) in _LOGGED_IN:
            page.context.add_cookies(_LOGGED_IN[server.url, email])
        else:
            log_in(page, server, email)
            _LOGGED_IN[server.url, email] = page.context.cookies()
        # Without live events, the loaded page sends no requests by itself.
        page.route_web_socket("**/ws/v1/events", lambda _: None)
        page.goto(f"{server.url}/plugins", wait_until="networkidle")
        expect(page.get_by_role("heading", name="Plugins", exact=True)).to_be_visible()

    @property
    def chunk(self) -> str:
        """The address of that module."""
        (chunk,) = (ROOT / "frontend" / "dist" / "assets").glob("runInBrowser-*.js")
        return f"/static/assets/{chunk.name}"

    def run(self, slug: str, function: str, body: bytes = b"", cancel_after_ms: int | None = None) -> Any:
        encoded = base64.b64encode(body).decode()
        found = self.page.evaluate(_RUN, [self.chunk, slug, function, encoded, cancel_after_ms])
        if "output" in found:
            found["output"] = base64.b64decode(found["output"])
        return found

    def result(self, slug: str, function: str, body: bytes = b"") -> Result:
        found = self.run(slug, function, body)
        return Result(found.get("output"), found.get("problem"))


def server_result(client: httpx.Client, slug: str, function: str, body: bytes = b"") -> Result:
    response = client.post(f"/api/v1/plugins/{slug}/call/{function}", content=body)
    if response.status_code == 200:
        return Result(response.content, None)
    members = response.json()
    problem = {name: members[name] for name in ("status", "title", "detail")}
    code = members["type"].removeprefix("urn:hostbridge:problem:")
    return Result(None, problem | {"code": code, "errors": members.get("errors", [])})


# --- waiting ------------------------------------------------------------------------------------------

_PATIENCE_SECONDS = 20


def execution(client: httpx.Client, execution_id: str, state: str) -> dict[str, Any]:
    """The record, once it has this state. The browser reports the end only while it shows the result."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found: dict[str, Any] = client.get(f"/api/v1/executions/{execution_id}").json()
        if found["state"] == state:
            return found
        assert time.monotonic() < deadline, f"{found['state']}, not {state}"
        time.sleep(0.1)


def wait_in(page: Page, condition: Callable[[], bool]) -> None:
    """Waits while Playwright still handles events from the browser."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{len(page.workers)} workers are alive"
        page.wait_for_timeout(50)


def expect_no_worker(page: Page) -> None:
    wait_in(page, lambda: not page.workers)
