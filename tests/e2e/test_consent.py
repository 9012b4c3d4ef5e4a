"""An administrator reviews the requested permissions, grants some, and sees the host calls afterwards."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.server import PASSWORD, Server


def test_consent_audit_and_tokens(server: Server, page: Page, shoot: Callable[[str], None]) -> None:
    server.manage("plugin", "install", "wasm-plugins/fixtures/hostcall")
    page.goto(f"{server.url}/plugins/hostcall")
    page.get_by_label("E-mail", exact=True).fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    # The plugin is awaiting consent; the page explains what it asks for.
    expect(page.get_by_role("heading", name="This plugin needs your consent")).to_be_visible()
    shoot("consent")
    page.get_by_role("checkbox", name="Read an account", exact=True).check()
    page.get_by_role("button", name="Grant and activate").click()
    expect(page.get_by_text("1.0.0 is active")).to_be_visible()

    # One granted and one refused host call, both in the audit log.
    with server.log_in("owner@example.com") as owner:
        me = owner.get("/api/v1/auth/session").json()["user"]["id"]
        base = "http://hostbridge.invalid/host/v1"
        asked = [
            {"method": "GET", "url": f"{base}/users/{me}", "headers": {}},
            {"method": "DELETE", "url": f"{base}/users/{me}", "headers": {}},
        ]
        answer = owner.post("/api/v1/plugins/hostcall/call/fetch_many", json=asked)
        assert [reply["status"] for reply in answer.json()] == [200, 403]
    page.goto(f"{server.url}/executions/{answer.headers['Execution-Id']}")
    calls = page.get_by_role("region", name="Host calls")
    expect(calls).to_contain_text("db_get_user_by_uuid")
    expect(calls).to_contain_text("db_delete_user")
    expect(calls).to_contain_text("403")
    shoot("execution")

    page.goto(f"{server.url}/executions")
    expect(page.get_by_role("heading", name="Executions")).to_be_visible()
    shoot("executions")

    page.goto(f"{server.url}/tokens")
    expect(page.get_by_role("heading", name="Access tokens")).to_be_visible()
    shoot("tokens")
