"""A Chromium that is set up through Playwright, and measured after Playwright has disconnected.

While Playwright is connected, the browser reports every request to it, which takes a tenth of a run's time.
"""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page, Playwright
from websockets.sync.client import ClientConnection, connect

from tests.chromium import arguments, executable

_START_SECONDS = 30


@contextlib.contextmanager
def unwatched(
    playwright: Playwright, size: dict[str, int], set_up: Callable[[BrowserContext], Page]
) -> Iterator[Callable[[str], Any]]:
    """A function that evaluates an expression, or awaits a promise, in the page that `set_up` returns.

    Raises FileNotFoundError if Chromium is not installed.
    """
    # Its processes may still write for a moment after it has ended.
    with tempfile.TemporaryDirectory(prefix="hostbridge-bench-", ignore_cleanup_errors=True) as profile:
        window = f"--window-size={size['width']},{size['height']}"
        own = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}", window]
        command = [executable(), *arguments(), *own, "about:blank"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{_port(Path(profile))}"
            browser = playwright.chromium.connect_over_cdp(address)
            page = set_up(browser.contexts[0])
            url = page.url
            browser.close()  # disconnects; the page stays open
            (target,) = (each for each in httpx.get(f"{address}/json").json() if each["url"] == url)
            with connect(target["webSocketDebuggerUrl"], max_size=None) as socket:
                yield lambda expression: _evaluate(socket, expression)
        finally:
            process.kill()
            process.wait()


def _port(profile: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            return int((profile / "DevToolsActivePort").read_text().splitlines()[0])
        time.sleep(0.05)
    raise RuntimeError("Chromium did not start.")


def _evaluate(socket: ClientConnection, expression: str) -> Any:
    asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
    socket.send(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": asked}))
    answer = json.loads(socket.recv())
    if "exceptionDetails" in answer.get("result", {"exceptionDetails": answer}):
        raise RuntimeError(f"The page says: {answer}")
    return answer["result"]["result"].get("value")
