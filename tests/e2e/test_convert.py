"""The page of the plugin convert, in a real browser. No data leaves the page."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, JSHandle, Page, Request, Route, expect

from tests.server import PASSWORD, Server

Shoot = Callable[[str], None]
ROWS = 200_000
# Measures the longest time between two frames.
WATCH_FRAMES = """() => {
  window.longestGapMs = 0;
  let before = performance.now();
  const frame = (now) => {
    window.longestGapMs = Math.max(window.longestGapMs, now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


@pytest.fixture
def email(server: Server) -> str:
    """The address of a new user."""
    email = f"carl+{uuid.uuid4().hex[:8]}@example.com"
    server.sign_up(email)
    return email


def log_in(page: Page, server: Server, email: str, path: str = "/convert") -> None:
    page.goto(f"{server.url}{path}")
    log_in_here(page, email)


def log_in_here(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()


def choose(page: Page, name: str, data: bytes) -> None:
    page.get_by_label("Choose a").set_input_files({"name": name, "mimeType": "", "buffer": data})


def convert(page: Page) -> None:
    page.get_by_role("button", name="Convert", exact=True).click()


def transfer(page: Page, name: str | None, text: str) -> JSHandle:
    """A file, or text without a name, for a drop or paste event."""
    return page.evaluate_handle(
        """([name, text]) => {
            const transfer = new DataTransfer();
            if (name) transfer.items.add(new File([text], name));
            else transfer.setData('text/plain', text);
            return transfer;
        }""",
        [name, text],
    )


def sent(page: Page) -> list[str]:
    """A list that receives the bodies of the page's requests."""
    bodies: list[str] = []

    def on_request(request: Request) -> None:
        if request.post_data_buffer:
            bodies.append(request.post_data_buffer.decode(errors="replace"))

    page.on("request", on_request)
    return bodies


def test_page_stays_responsive_while_converting_10_mb_of_csv(
    server: Server, email: str, page: Page, tmp_path: Path
) -> None:
    rows = [{"id": str(n), "name": f"Ada, the {n}th", "note": "“quoted” and more of it"} for n in range(ROWS)]
    lines = ["id,name,note", *(f'{row["id"]},"{row["name"]}",{row["note"]}' for row in rows)]
    file = tmp_path / "people.csv"
    file.write_text("\n".join(lines))
    assert file.stat().st_size > 10_000_000
    log_in(page, server, email)
    expect(page.get_by_text("Your data does not leave this page.")).to_be_visible()
    bodies = sent(page)
    page.evaluate(WATCH_FRAMES)
    page.get_by_label("Choose a file").set_input_files(file)
    expect(page.get_by_label("From")).to_contain_text("CSV (detected)")
    convert(page)
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Succeeded", timeout=60_000)
    expect(result).to_contain_text("Only the beginning is shown.")
    expect(result.get_by_role("group", name="Output", exact=True)).to_contain_text("Ada, the 0th")
    with page.expect_download() as download:
        result.get_by_role("link", name="Download").click()
    assert page.evaluate("window.longestGapMs") < 500
    assert max(len(body) for body in bodies) < 1000

    assert download.value.suggested_filename == "people.json"
    converted = download.value.path().read_bytes()
    assert json.loads(converted) == rows
    options = b'{"from": "csv", "to": "json"}\n'
    with server.log_in(email) as client:
        answer = client.post("/api/v1/plugins/convert/call/convert_file", content=options + file.read_bytes())
    assert converted == answer.content


def test_error_shows_its_line_and_is_not_sent_to_the_server(
    server: Server, email: str, page: Page, shoot: Shoot
) -> None:
    log_in(page, server, email)
    bodies = sent(page)
    place = page.get_by_text("Drop a file here")
    dropped = transfer(page, "people.json", '{\r\n  "hunter2": "ä",\r\n  "hunter2": 1\r\n}')
    place.dispatch_event("dragover", {"dataTransfer": dropped})
    place.dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_text("people.json")).to_be_visible()
    expect(page.get_by_label("From")).to_contain_text("JSON (detected)")
    convert(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This is not valid JSON")
    expect(alert).to_contain_text('Line 3, column 3: the key "hunter2" appears twice')
    excerpt = alert.get_by_role("listitem")
    expect(excerpt.get_by_role("code")).to_have_text('  "hunter2": 1')
    expect(excerpt.get_by_role("mark")).to_have_text('"')
    shoot("convert-error")

    # The input and the plugin's message were not sent to the server.
    expect(page.get_by_role("region", name="Activity", exact=True)).to_contain_text("Failed")
    assert bodies != []
    assert "hunter2" not in "".join(bodies)
    page.get_by_role("region", name="Result").get_by_role("link").click()
    expect(page.get_by_role("heading", name="convert · convert_file")).to_be_visible()
    expect(page.get_by_text("The error message stayed in the browser.")).to_be_visible()


def test_every_invalid_row_is_shown(server: Server, email: str, page: Page) -> None:
    log_in(page, server, email)
    choose(page, "rows.csv", b"a,b\n1,2\n3\n4,5\n6,7,8\n")
    expect(page.get_by_label("From")).to_contain_text("CSV (detected)")
    convert(page)
    rows = page.get_by_role("alert").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).get_by_role("code")).to_contain_text("3")
    expect(rows.nth(1).get_by_role("code")).to_have_text("6,7,8")


def test_slow_conversion_shows_progress_and_can_be_cancelled(
    server: Server, email: str, page: Page, shoot: Shoot
) -> None:
    log_in(page, server, email)
    choose(page, "people.csv", b"name,age\nAda,36\n")
    expect(page.get_by_label("From")).to_contain_text("CSV (detected)")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/browser-runs", hold)
    convert(page)
    expect(page.get_by_role("progressbar", name="Converting")).to_be_visible()
    shoot("convert-progress")
    page.get_by_role("button", name="Cancel").click()
    for route in held:
        route.continue_()
    page.unroute("**/browser-runs")
    expect(page.get_by_role("progressbar")).to_have_count(0)
    activity = page.get_by_role("region", name="Activity", exact=True)
    expect(activity.get_by_role("listitem").first).to_contain_text("Cancelled")
    expect(page.get_by_role("region", name="Result")).to_have_count(0)
    convert(page)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Ada")


def test_markdown_result_is_previewed(server: Server, email: str, page: Page, shoot: Shoot) -> None:
    log_in(page, server, email, "/plugins")
    page.get_by_role("link", name="Open converter").click()
    expect(page.get_by_label("To")).to_have_value("json")
    shoot("convert-empty")
    page.get_by_label("Or paste text").fill("# Report\n\nAll is **well**.\n\n- [x] done\n")
    expect(page.get_by_label("From")).to_contain_text("Markdown (detected)")
    expect(page.get_by_label("To")).to_have_value("html")
    page.get_by_label("Or paste text").press("Control+Enter")
    preview = page.frame_locator("iframe[title='Preview of the output']")
    expect(preview.get_by_role("heading", name="Report")).to_be_visible()
    shoot("convert-preview")
    result = page.get_by_role("region", name="Result")
    with page.expect_download() as download:
        result.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "converted.html"
    result.get_by_role("button", name="Raw").click()
    expect(result.get_by_role("group", name="Output", exact=True)).to_contain_text("<strong>well</strong>")


def test_conversion_on_the_server(server: Server, email: str, page: Page) -> None:
    log_in(page, server, email)
    choose(page, "settings.toml", b"[server]\nport = 8000\n")
    expect(page.get_by_label("From")).to_contain_text("TOML (detected)")
    page.get_by_role("button", name="On the server").click()
    expect(page.get_by_text("Your data does not leave this page.")).to_have_count(0)
    expect(page.get_by_text("Your data is sent to this server")).to_be_visible()
    page.get_by_label("To").select_option("yaml")
    convert(page)
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_role("group", name="Output", exact=True)).to_have_text("server:\n  port: 8000\n")
    with page.expect_download() as download:
        result.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "settings.yaml"
    assert download.value.path().read_bytes() == b"server:\n  port: 8000\n"


def test_upload_to_the_server_shows_progress(server: Server, email: str, page: Page, shoot: Shoot) -> None:
    log_in(page, server, email)
    page.get_by_role("button", name="On the server").click()
    choose(page, "people.csv", b"name,age\n" + b"Ada Lovelace,36\n" * 200_000)
    expect(page.get_by_label("From")).to_contain_text("CSV (detected)")
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    network.send("Network.emulateNetworkConditions", slow)
    convert(page)
    expect(page.get_by_role("progressbar", name="Uploading")).to_be_visible()
    expect(page.get_by_text("of 3.2 MB")).to_be_visible()
    shoot("convert-sending")
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Succeeded", timeout=30_000)
    expect(result).to_contain_text("Queue")
    expect(result.get_by_role("link", name="-")).to_be_visible()  # to its execution


def test_file_dropped_outside_the_field_is_ignored(server: Server, email: str, page: Page) -> None:
    log_in(page, server, email)
    expect(page.get_by_text("Drop a file here")).to_be_visible()
    drop = """(kind) => {
        const dataTransfer = new DataTransfer();
        if (kind === 'file') dataTransfer.items.add(new File(['x'], 'x.txt'));
        else dataTransfer.setData('text/plain', 'x');
        const event = new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true});
        document.querySelector('h1').dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    assert page.evaluate(drop, "file")
    assert not page.evaluate(drop, "text")
    expect(page.get_by_text("Drop a file here")).to_be_visible()


def test_long_pasted_text_becomes_a_file(server: Server, email: str, page: Page) -> None:
    log_in(page, server, email)
    field = page.get_by_label("Or paste text")
    field.focus()
    page.evaluate(
        """(clipboardData) => document.activeElement.dispatchEvent(
            new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}))""",
        transfer(page, None, "Ada\n" * 60_000),
    )
    expect(page.get_by_text("pasted.txt")).to_be_visible()
    expect(page.get_by_text("240 kB")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(field).to_have_value("")
    expect(page.get_by_label("Choose a file")).to_be_focused()


def test_file_changed_on_disk_gives_an_error(server: Server, email: str, page: Page, tmp_path: Path) -> None:
    log_in(page, server, email)
    file = tmp_path / "people.csv"
    file.write_text("name,age\nAda,36\n")
    page.get_by_label("Choose a file").set_input_files(file)
    expect(page.get_by_label("From")).to_contain_text("CSV (detected)")
    file.write_text("name,age\nAda,36\nGrace,85\n")
    convert(page)
    expect(page.get_by_role("alert")).to_contain_text("It was changed, moved or deleted after you chose it.")


def test_conversion_fails_without_a_network_and_recovers(
    server: Server, email: str, chromium: Browser
) -> None:
    """In its own context, because the browser logs the refused connections to the console."""
    page = chromium.new_context().new_page()
    log_in(page, server, email)
    choose(page, "people.csv", b"name,age\nAda,36\n")
    expect(page.get_by_label("From")).to_contain_text("CSV (detected)")
    page.context.set_offline(True)
    convert(page)
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    convert(page)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Succeeded")
    page.context.close()


def test_runner_that_fails_to_load_gives_an_error(server: Server, email: str, chromium: Browser) -> None:
    page = chromium.new_context().new_page()
    page.route("**/assets/runInBrowser-*.js", lambda route: route.abort())
    log_in(page, server, email)
    choose(page, "people.csv", b"name,age\nAda,36\n")
    convert(page)
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.context.close()


def test_file_and_options_survive_an_expired_session(server: Server, email: str, page: Page) -> None:
    log_in(page, server, email)
    page.get_by_label("Or paste text").fill("half typed")
    choose(page, "people.csv", b"name,age\nAda,36\n")
    expect(page.get_by_label("From")).to_contain_text("CSV (detected)")
    page.get_by_label("To").select_option("yaml")
    with server.log_in(email) as elsewhere:
        elsewhere.request("DELETE", "/api/v1/sessions")
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    log_in_here(page, email)
    expect(page.get_by_text("people.csv")).to_be_visible()
    expect(page.get_by_label("To")).to_have_value("yaml")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_label("Or paste text")).to_have_value("half typed")


def test_disabling_the_plugin_is_shown_and_keeps_the_input(
    server: Server, email: str, page: Page, shoot: Shoot
) -> None:
    log_in(page, server, email)
    page.get_by_label("Or paste text").fill('{"a": 1}')
    button = page.get_by_role("button", name="Convert", exact=True)
    with server.log_in("owner@example.com") as owner:
        owner.patch("/api/v1/plugins/convert", json={"enabled": False})
        try:
            expect(page.get_by_text("This plugin is disabled.")).to_be_visible()
            expect(button).to_be_disabled()
            expect(page.get_by_label("Or paste text")).to_have_value('{"a": 1}')
            shoot("convert-disabled")
            page.get_by_role("navigation", name="Main").get_by_role("link", name="Plugins").click()
            expect(page.get_by_role("link", name="Convert", exact=True)).to_be_visible()
            expect(page.get_by_role("link", name="Open converter")).to_have_count(0)
        finally:
            owner.patch("/api/v1/plugins/convert", json={"enabled": True})
    page.get_by_role("link", name="Open converter").click()
    expect(page.get_by_label("Or paste text")).to_have_value('{"a": 1}')
    convert(page)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Succeeded")
