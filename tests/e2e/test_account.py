"""The user's own account in a browser: profile, expired sessions, several tabs, a lost connection."""

import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server import PASSWORD, Server


@pytest.fixture
def email(server: Server) -> str:
    """The address of a new user named Ann."""
    email = f"ann+{uuid.uuid4().hex[:8]}@example.com"
    server.sign_up(email)
    return email


def log_in(page: Page, server: Server, email: str, path: str = "/") -> None:
    page.goto(f"{server.url}{path}")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()


def test_profile_lists_new_sessions_live_and_ends_them(
    server: Server, email: str, page: Page, shoot: Callable[[str], None]
) -> None:
    log_in(page, server, email)
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("link", name="Profile").click()
    sessions = page.get_by_role("region", name="Where you are logged in").get_by_role("listitem")
    expect(sessions).to_have_count(1)
    expect(sessions.first).to_contain_text("This session")
    expect(sessions.first).to_contain_text("Chrome on Linux")
    with server.log_in(email) as elsewhere, server.log_in(email) as third:
        expect(sessions).to_have_count(3)
        shoot("profile")
        sessions.nth(1).get_by_role("button", name="End").click()
        page.get_by_role("dialog").get_by_role("button", name="Log out").click()
        expect(sessions).to_have_count(2)
        codes = {client.get("/api/v1/sessions").status_code for client in (elsewhere, third)}
        assert codes == {200, 401}
        server.log_in(email).close()
        expect(sessions).to_have_count(3)
        page.get_by_role("button", name="Log out everywhere else").click()
        page.get_by_role("dialog").get_by_role("button", name="Log out").click()
        expect(sessions).to_have_count(1)
        assert {client.get("/api/v1/sessions").status_code for client in (elsewhere, third)} == {401}


def test_name_change_and_account_deletion(
    server: Server, email: str, page: Page, shoot: Callable[[str], None]
) -> None:
    log_in(page, server, email, "/profile")
    page.get_by_label("Name", exact=True).fill("Anna Bell")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Name saved")).to_be_visible()
    page.get_by_role("button", name="Account menu").click()
    expect(page.get_by_text("Anna Bell")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password", exact=True).fill("not my password")
    dialog.get_by_role("button", name="Delete permanently").click()
    expect(dialog.get_by_text("This is not your password.").first).to_be_visible()
    shoot("delete-account")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Delete permanently").click()
    expect(page.get_by_text("You are logged out")).to_be_visible()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_log_out_in_one_tab_logs_out_the_other(server: Server, email: str, page: Page) -> None:
    log_in(page, server, email)
    other = page.context.new_page()
    other.goto(f"{server.url}/plugins")
    expect(other.get_by_role("heading", name="Plugins", exact=True)).to_be_visible()
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Log out").click()
    expect(other.get_by_text("You are logged out")).to_be_visible()
    # After a log-in there, this tab shows that user.
    log_in(other, server, email, "/login")
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()


def test_form_input_survives_an_expired_session(server: Server, email: str, page: Page) -> None:
    log_in(page, server, email, "/plugins/template/greet")
    page.get_by_label("Name").fill("Ada, half typed")
    with server.log_in(email) as elsewhere:
        assert elsewhere.request("DELETE", "/api/v1/sessions").json() == {"ended": 1}
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Name")).to_have_value("Ada, half typed")


def test_offline_banner_appears_without_a_network(
    server: Server, email: str, page: Page, shoot: Callable[[str], None]
) -> None:
    log_in(page, server, email, "/plugins")
    banner = page.get_by_text("You are offline.")
    expect(banner).to_be_hidden()
    page.context.set_offline(True)
    expect(banner).to_be_visible()
    shoot("offline")
    page.context.set_offline(False)
    expect(banner).to_be_hidden()


def test_page_shows_missed_events_after_a_server_restart(chromium: Browser, tmp_path: Path) -> None:
    """In its own context, because the browser logs the refused connections to the console."""
    one = Server.start(tmp_path / "data")
    one.make_owner()
    page = chromium.new_context().new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    log_in(page, one, "owner@example.com")
    activity = page.get_by_role("region", name="Activity", exact=True)
    expect(activity.get_by_text("Live")).to_be_visible()
    page.goto(f"{one.url}/profile")
    expect(activity.get_by_text("Live")).to_be_visible()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    one.stop(signal.SIGKILL)
    expect(activity.get_by_text("Live")).to_be_hidden()
    two = Server.start(tmp_path / "data", PORT=str(one.port))
    try:
        with two.log_in("owner@example.com") as elsewhere:
            for name in ("x", "y"):
                elsewhere.post("/api/v1/plugins/template/call/greet", json={"name": name})
        expect(activity.get_by_text("Live")).to_be_visible(timeout=40_000)
        greeted = activity.get_by_role("listitem").filter(has_text="template · greet")
        expect(greeted).to_have_count(1)
        expect(greeted).to_contain_text("2 times")
        assert not [url for url in fetched if "/executions" in url]  # from the feed alone
    finally:
        page.context.close()
        two.stop()
