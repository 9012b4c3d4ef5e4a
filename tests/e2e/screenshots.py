"""`make screenshots`: takes the pictures in docs/images/ of a real server, always with the same data.

Only times and durations differ from run to run.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.chromium import launch
from tests.plugins.bundles.samples import zipped
from tests.server import PASSWORD, ROOT, Server

IMAGES = ROOT / "docs" / "images"
LARGEST_BYTES = 200_000
DESKTOP = {"width": 1280, "height": 900}
TALL = {"width": 1280, "height": 1120}
PHONE = {"width": 390, "height": 780}
WEATHER = zipped(
    name="weather",
    title="Weather",
    description="Tells the weather where you are, and reminds you of your umbrella.",
    functions=[
        {"name": "fetch", "title": "Now", "description": "The weather at a place.", "access": "user"},
        {"name": "fetch_many", "title": "This week", "description": "Day by day.", "access": "user"},
    ],
    permissions=[
        {"operation": "db_get_user_by_uuid", "reason": "Greet you by your name."},
        {"operation": "kv_set", "reason": "Remember the place that you asked for last."},
        {"operation": "notify", "reason": "Warn you of storms.", "optional": True},
    ],
    network=[
        {
            "url": "https://api.weather.example/v1/forecast/",
            "methods": ["GET"],
            "reason": "Ask for the forecast.",
        }
    ],
)
CSV = "name,language\nAda,Rust\nGuido,Python\n"


class Picture(NamedTuple):
    name: str
    path: str
    shows: str  # a text that says that the page is there
    schemes: tuple[str, ...] = ("light",)
    size: dict[str, int] = DESKTOP
    prepare: Callable[[Page], None] = lambda page: None


def run_greet(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    page.get_by_role("button", name="Run", exact=True).click()


@contextmanager
def sample_server(folder: Path) -> Iterator[Server]:
    """A server with some executions, and the plugin weather awaiting consent."""
    server = Server.start(folder / "data")
    try:
        server.make_owner()
        server.sign_up("alice@example.com")
        with server.log_in("alice@example.com") as alice:
            alice.post(
                "/api/v1/plugins/convert/call/convert", json={"text": CSV, "from": "csv", "to": "json"}
            )
            alice.post("/api/v1/plugins/convert/call/detect", json={"text": "[server]\nport = 8000\n"})
            alice.post("/api/v1/plugins/template/call/repeat", json={"text": "na ", "times": 1000})
        with server.log_in("owner@example.com") as owner:
            owner.post("/api/v1/plugins", files={"bundle": WEATHER}).raise_for_status()
            owner.post("/api/v1/plugins/template/call/greet", json={"name": "Ada"})
        yield server
    finally:
        server.stop()


def log_in_execution(server: Server) -> str:
    """The path of the last log-in's execution, which has host calls."""
    with server.log_in("owner@example.com") as owner:
        found = owner.get("/api/v1/executions?plugin=auth").json()["results"]
    return next(f"/executions/{one['id']}" for one in found if one["function"] == "login")


def log_in(browser: Browser, server: Server) -> BrowserContext:
    context = browser.new_context(reduced_motion="reduce", locale="en-GB", timezone_id="UTC")
    page = context.new_page()
    page.goto(server.url)
    page.get_by_label("E-mail", exact=True).fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()
    page.close()
    return context


def take(context: BrowserContext, server: Server, picture: Picture) -> None:
    page = context.new_page()
    page.set_viewport_size(picture.size)  # type: ignore[arg-type]
    page.goto(server.url + picture.path)
    picture.prepare(page)
    expect(page.get_by_text(picture.shows).locator("visible=true").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    for scheme in picture.schemes:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        file = IMAGES / f"{picture.name}-{scheme}.png"
        page.screenshot(path=file)
        size = file.stat().st_size
        print(f"{file.relative_to(ROOT)}  {size // 1000} kB")
        if size > LARGEST_BYTES:
            raise SystemExit(f"{file.name} has {size} bytes; a picture may have {LARGEST_BYTES}.")
    page.close()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="hostbridge-") as folder,
        sample_server(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        pictures = [
            Picture("execution", log_in_execution(server), "verify_password", size=TALL),
            Picture(
                "plugin",
                "/plugins/template/greet",
                "Hello, Ada Lovelace!",
                ("light", "dark"),
                prepare=run_greet,
            ),
            Picture("consent", "/plugins/weather", "This plugin needs your consent", ("dark",)),
            Picture("home", "/", "Recently used"),
            Picture("phone", "/plugins/template/greet", "Hello, Ada Lovelace!", ("dark",), PHONE, run_greet),
        ]
        browser = launch(playwright.chromium)
        context = log_in(browser, server)
        for picture in pictures:
            take(context, server, picture)
        browser.close()


if __name__ == "__main__":
    main()
