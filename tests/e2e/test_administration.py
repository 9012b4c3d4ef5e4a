"""Administrators upload, configure and remove plugins, and inspect the sandbox, in a real browser."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.plugins.bundles.samples import FILES, make_zip, zipped
from tests.server import PASSWORD, Server

Shoot = Callable[[str], None]
LIMIT = 8_000_000
NETWORK = [{"url": "https://api.example.com/v1/", "methods": ["GET"], "reason": "ask for the weather"}]


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a low size limit for bundles."""
    server = Server.start(
        tmp_path_factory.mktemp("small") / "data", PLUGIN_MAX_BUNDLE_BYTES=str(LIMIT), PLUGIN_FAULT_BUDGET="2"
    )
    server.make_owner()
    yield server
    server.stop()


def log_in(page: Page, server: Server, path: str, email: str = "owner@example.com") -> None:
    page.goto(f"{server.url}{path}")
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def choose(page: Page, name: str, data: bytes) -> None:
    page.get_by_label("Choose a file").set_input_files(
        {"name": name, "mimeType": "application/zip", "buffer": data}
    )


def test_upload_report_and_consent(small_server: Server, page: Page, shoot: Shoot) -> None:
    log_in(page, small_server, "/plugins")
    page.get_by_role("link", name="Upload plugin").click()
    expect(page.get_by_text("One .zip file, at most 8 MB")).to_be_visible()
    shoot("upload")

    # By keyboard alone: the input follows the breadcrumb, and its label shows the focus.
    page.get_by_role("link", name="All plugins").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose a file")).to_be_focused()

    # Problems with a file are reported before it is sent.
    choose(page, "empty.zip", b"")
    expect(page.get_by_role("alert")).to_contain_text("“empty.zip” is empty.")

    # The server's reason for a refusal is shown.
    choose(page, "notes.zip", make_zip({"notes.txt": b"no plugin"}))
    expect(page.get_by_role("alert")).to_contain_text("The archive has no plugin.json.")
    expect(page.get_by_text("Nothing was stored")).to_be_visible()
    shoot("upload-refused")

    choose(page, "beacon.zip", zipped(name="beacon", title="Beacon", network=NETWORK))
    expect(page.get_by_role("heading", name="Beacon 1.0.0 is installed")).to_be_focused()
    found = page.get_by_role("region", name="Contents")
    for part in ("fetch_many", "db_create_user", "https://api.example.com/v1/", "http_request"):
        expect(found).to_contain_text(part)
    shoot("upload-report")
    page.get_by_role("link", name="Review permissions").click()
    expect(page.get_by_role("heading", name="This plugin needs your consent")).to_be_visible()
    page.get_by_role("button", name="Grant and activate").click()
    expect(page.get_by_text("1.0.0 is active")).to_be_visible()


def test_bundle_over_the_limit_is_not_sent(small_server: Server, page: Page, tmp_path: Path) -> None:
    log_in(page, small_server, "/upload")
    expect(page.get_by_text("at most 8 MB")).to_be_visible()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    large = tmp_path / "large.zip"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    page.get_by_label("Choose a file").set_input_files(large)
    expect(page.get_by_role("alert")).to_contain_text("is too large: 200 MB. The limit is 8 MB.")
    assert "POST" not in sent


def test_upload_shows_progress_and_can_be_cancelled(small_server: Server, page: Page, shoot: Shoot) -> None:
    log_in(page, small_server, "/upload")
    expect(page.get_by_text("at most 8 MB")).to_be_visible()
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
    network.send("Network.emulateNetworkConditions", slow)
    choose(page, "ballast.zip", make_zip(FILES | {"ballast.bin": os.urandom(7_000_000)}, method=0))
    bar = page.get_by_role("progressbar", name="Uploading “ballast.zip”…")
    expect(bar).to_be_visible()
    page.wait_for_function("() => document.querySelector('progress')?.value > 0.02")
    shoot("upload-sending")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Drop a bundle here")).to_be_visible()
    with small_server.log_in("owner@example.com") as owner:
        assert owner.get("/api/v1/plugins/hostcall").status_code == 404


def test_bundle_can_be_dropped(small_server: Server, page: Page) -> None:
    log_in(page, small_server, "/upload")
    expect(page.get_by_text("at most 8 MB")).to_be_visible()
    data = list(zipped(name="dropped", title="Dropped"))
    dropped = page.evaluate_handle(
        """(data) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], 'dropped.zip'));
            return transfer;
        }""",
        data,
    )
    page.get_by_text("Drop a bundle here").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_role("heading", name="Dropped 1.0.0 is installed")).to_be_visible()


def test_upload_is_hidden_from_ordinary_users(small_server: Server, page: Page) -> None:
    small_server.sign_up("alice@example.com")
    log_in(page, small_server, "/plugins", "alice@example.com")
    expect(page.get_by_role("link", name="Template").first).to_be_visible()
    expect(page.get_by_role("link", name="Upload plugin")).to_have_count(0)
    for path in ("/upload", "/sandbox"):
        page.goto(f"{small_server.url}{path}")
        expect(page.get_by_role("heading", name="Only administrators")).to_be_visible()


def test_removing_a_plugin_requires_typing_its_name(small_server: Server, page: Page, shoot: Shoot) -> None:
    small_server.install_fixture("echo")
    with small_server.log_in("owner@example.com") as owner:
        assert owner.post("/api/v1/plugins/echo/call/run", content=b"x").status_code == 200
    log_in(page, small_server, "/plugins/echo")
    page.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog", name="Remove")
    remove = dialog.get_by_role("button", name="Remove permanently")
    dialog.get_by_label("Type echo to confirm").fill("ech")
    expect(remove).to_be_disabled()
    dialog.get_by_label("Type echo to confirm").fill("echo")
    shoot("remove")
    remove.click()
    expect(page.get_by_text("Also removed: 1 release, 1 execution and 0 stored values.")).to_be_visible()
    expect(page).to_have_url(f"{small_server.url}/plugins")
    expect(page.get_by_role("link", name="Fixture: echo")).to_have_count(0)

    # Bundled plugins cannot be removed, so there is no button.
    page.goto(f"{small_server.url}/plugins/template")
    expect(page.get_by_role("button", name="Disable")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)


def test_plugin_page_follows_changes_made_elsewhere(small_server: Server, page: Page, shoot: Shoot) -> None:
    small_server.install_fixture("faults")
    small_server.sign_up("bob@example.com")
    log_in(page, small_server, "/plugins/faults/echo", "bob@example.com")
    run = page.get_by_role("button", name="Run", exact=True)
    expect(run).to_be_enabled()
    with small_server.log_in("owner@example.com") as owner:
        owner.patch("/api/v1/plugins/faults", json={"enabled": False})
        expect(page.get_by_text("This plugin is disabled.")).to_be_visible()
        expect(run).to_be_disabled()
        shoot("plugin-disabled")
        owner.patch("/api/v1/plugins/faults", json={"enabled": True})
        expect(run).to_be_enabled()

        for _ in range(2):
            assert owner.post("/api/v1/plugins/faults/call/trap").status_code == 502
        expect(page.get_by_text("2 of its last 2 calls failed.")).to_be_visible()
        shoot("plugin-paused")

        assert owner.delete("/api/v1/plugins/faults").status_code == 200
        expect(page.get_by_role("heading", name="“faults” was just removed")).to_be_visible()


def test_settings_are_shown_and_changed(small_server: Server, page: Page, shoot: Shoot) -> None:
    schema = {
        "type": "object",
        "properties": {
            "place": {"type": "string", "title": "Place", "default": "Paris"},
            "api_key": {"type": "string", "title": "Key", "minLength": 4, "secret": True},
            "warn": {"type": "boolean", "title": "Warn of storms", "default": False},
        },
        "required": ["api_key"],
        "additionalProperties": False,
    }
    bundle = zipped(name="forecast", title="Forecast", permissions=[], settings_schema=schema)
    with small_server.log_in("owner@example.com") as owner:
        owner.post("/api/v1/plugins", files={"bundle": bundle}).raise_for_status()
        path = "/api/v1/plugins/forecast/releases/1.0.0/activate"
        owner.post(path, json={"grants": []}).raise_for_status()
        log_in(page, small_server, "/plugins/forecast")
        settings = page.get_by_role("region", name="Settings")
        expect(settings).to_contain_text("Paris (default)")
        edit = settings.get_by_role("button", name="Edit settings")
        edit.press("Enter")
        place = settings.get_by_label("Place")
        expect(place).to_be_focused()
        shoot("settings")

        # A missing value is reported at its field, and nothing is sent.
        settings.get_by_role("button", name="Save settings").click()
        expect(settings).to_contain_text("Fill in this field.")
        settings.get_by_label("Key").fill("k-1234")
        settings.get_by_label("Warn of storms").check()
        settings.get_by_role("button", name="Save settings").click()
        expect(page.get_by_text("Settings saved")).to_be_visible()
        expect(edit).to_be_focused()
        expect(settings).to_contain_text("Set (hidden)")
        expect(settings).not_to_contain_text("k-1234")
        # An unchanged default is not stored.
        shown = owner.get("/api/v1/plugins/forecast").json()["settings"]
        assert shown == {"api_key": {"is_set": True}, "warn": True}

        # A secret that is left empty is kept.
        edit.click()
        place.fill("Rome")
        settings.get_by_role("button", name="Save settings").click()
        expect(edit).to_be_focused()
        shown = owner.get("/api/v1/plugins/forecast").json()["settings"]
        assert shown == {"api_key": {"is_set": True}, "place": "Rome", "warn": True}
        edit.click()
        settings.get_by_role("button", name="Cancel").click()
        expect(edit).to_be_focused()


def test_sandbox_page_lists_every_layer(small_server: Server, page: Page, shoot: Shoot) -> None:
    log_in(page, small_server, "/plugins")
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("link", name="Sandbox").click()
    with small_server.log_in("owner@example.com") as owner:
        layers = owner.get("/api/v1/server").json()["sandbox"]
    rows = page.get_by_role("region", name="Layers").get_by_role("listitem")
    expect(rows).to_have_count(len(layers))
    words = {"on": "Active", "partial": "Partly active", "off": "Missing"}
    for index, layer in enumerate(layers):
        expect(rows.nth(index)).to_contain_text(layer["name"])
        expect(rows.nth(index)).to_contain_text(words[layer["state"]])
    shoot("sandbox")

    # With missing layers, and without any worker.
    lacking = [{**layers[0], "state": "off", "detail": "Operation not permitted"}]
    lacking += [{**layers[1], "state": "partial", "detail": "without signals"}, *layers[2:]]
    answer = {"max_bundle_bytes": LIMIT, "workers": 3, "sandbox": lacking}
    page.route("**/api/v1/server", lambda route: route.fulfill(body=json.dumps(answer)))
    page.reload()
    expect(page.get_by_text(f"1 of {len(layers)} layers are missing on this system")).to_be_visible()
    expect(rows.first).to_contain_text("Operation not permitted")
    shoot("sandbox-lacking")
    answer["sandbox"] = []
    page.reload()
    expect(page.get_by_text("No worker has started")).to_be_visible()
