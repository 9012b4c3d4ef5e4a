"""An administrator grants network rules, and sees the requests that the plugin made."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.plugins.egress.outside import outside
from tests.server import PASSWORD, ROOT, Server


def test_network_rule_is_granted_used_and_revoked(
    page: Page, shoot: Callable[[str], None], tmp_path: Path
) -> None:
    with outside() as weather:
        weather.says("/v1/today?place=here", body=b"sunny")
        address = f"http://127.0.0.1:{weather.port}/v1/"
        bundle = bundle_that_asks_for(tmp_path / "bundle", address)
        server = Server.start(tmp_path / "data", EGRESS_ALLOW_PRIVATE=f"127.0.0.1:{weather.port}")
        try:
            server.make_owner()
            server.manage("plugin", "install", str(bundle))
            decide(server, page, shoot, address)
        finally:
            server.stop()


def decide(server: Server, page: Page, shoot: Callable[[str], None], address: str) -> None:
    page.goto(f"{server.url}/plugins/weather")
    page.get_by_label("E-mail", exact=True).fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    # Required rules are preselected, optional ones are not; each can be changed.
    needed = page.get_by_role("checkbox", name=f"Send GET requests to {address}")
    expect(needed).to_be_checked()
    expect(
        page.get_by_role("checkbox", name="Send GET and POST requests to https://api.example.com")
    ).not_to_be_checked()
    expect(page.get_by_text("Not encrypted")).to_be_visible()
    shoot("network-consent")
    page.get_by_role("button", name="Grant and activate").click()
    expect(page.get_by_text("1.0.0 is active")).to_be_visible()
    expect(page.get_by_text("1 of 2 granted")).to_be_visible()

    with server.log_in("owner@example.com") as owner:
        asked = [{"url": f"{address}today?place=here"}, {"url": "https://api.example.com/v1/"}]
        answer = owner.post("/api/v1/plugins/weather/call/fetch_many", json=asked)
        reached, refused = answer.json()
        assert (reached["status"], reached["body"], refused["status"]) == (200, "sunny", 403)
        page.goto(f"{server.url}/executions/{answer.headers['Execution-Id']}")
        calls = page.get_by_role("region", name="Host calls")
        expect(calls).to_contain_text(f"GET {address}today")
        expect(calls).not_to_contain_text("place=here")
        shoot("network-execution")

        page.goto(f"{server.url}/plugins/weather")
        page.get_by_role("button", name="Edit permissions").click()
        needed.uncheck()
        shoot("network-editor")
        page.get_by_role("button", name="Save permissions").click()
        expect(page.get_by_role("dialog")).to_contain_text(f"Send GET requests to {address}")
        page.get_by_role("button", name="Revoke and save").click()
        expect(page.get_by_text("0 of 2 granted")).to_be_visible()
        again = owner.post("/api/v1/plugins/weather/call/fetch", json=asked[0])
        assert again.json()["status"] == 403


def bundle_that_asks_for(folder: Path, address: str) -> Path:
    fixture = ROOT / "wasm-plugins" / "fixtures" / "hostcall"
    shutil.copytree(fixture, folder, ignore=shutil.ignore_patterns("src", "Cargo.toml"))
    manifest = json.loads((folder / "plugin.json").read_text())
    manifest |= {
        "name": "weather",
        "title": "Weather",
        "description": "Tells the weather of today.",
        "permissions": [],
        "network": [
            {"url": address, "reason": "ask the station on the roof"},
            {
                "url": "https://api.example.com/v1/forecasts/a-rather-long-path-that-needs-more-than-one-line/",
                "methods": ["GET", "POST"],
                "reason": "tell the weather of tomorrow as well",
                "optional": True,
            },
        ],
    }
    (folder / "plugin.json").write_text(json.dumps(manifest))
    return folder
