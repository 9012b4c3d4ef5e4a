"""E-mail links in a browser: confirming an address, resetting a password."""

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PATIENCE_SECONDS
from tests.server import PASSWORD, Server

NEW_PASSWORD = "a short nap at noon"


@dataclass
class Post:
    """A server that writes e-mails to files."""

    server: Server
    folder: Path

    def links(self, email: str, path: str) -> list[str]:
        """The links to this page in e-mails to this address."""
        letters = [file.read_text() for file in self.folder.iterdir()]
        mine = [letter for letter in letters if f"\nTo: {email}\n" in letter]
        link = re.compile(rf"{re.escape(self.server.url)}{path}#token=\S+")
        return [found for letter in mine for found in link.findall(letter)]

    def link(self, email: str, path: str) -> str:
        """Waits for the link and returns it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.links(email, path)):
            assert time.monotonic() < deadline, f"no e-mail to {email} leads to {path}"
            time.sleep(0.1)
        assert len(found) == 1
        return found[0]


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    folder = tmp_path_factory.mktemp("recovery")
    (folder / "post").mkdir()
    server = Server.start(folder / "data", EMAIL_URL=f"file://{folder / 'post'}")
    server.make_owner()
    yield Post(server, folder / "post")
    server.stop()


@pytest.fixture
def email() -> str:
    return f"ann-{uuid.uuid4().hex[:8]}@example.com"


def fill(page: Page, **fields: str) -> None:
    for label, text in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(text)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def log_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail", exact=True).fill(email)
    fill(page, Password=password)
    press(page, "Log in")


def test_sign_up_link_confirms_the_address(post: Post, email: str, page: Page) -> None:
    page.goto(f"{post.server.url}/signup")
    page.get_by_label("E-mail", exact=True).fill(email)
    fill(page, Name="Ann", Password=PASSWORD)
    press(page, "Sign up")
    expect(page.get_by_text(f"We sent a link to {email}")).to_be_visible()
    link = post.link(email, "/verify-email")
    log_in(page, email, PASSWORD)
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()
    page.goto(f"{post.server.url}/profile")
    expect(page.get_by_text("Not confirmed", exact=True)).to_be_visible()

    # Opening the link does nothing; only the button confirms.
    tab = page.context.new_page()
    tab.goto(link)
    expect(tab.get_by_role("button", name="Confirm address")).to_be_visible()
    expect(tab).to_have_url(f"{post.server.url}/verify-email")
    expect(page.get_by_text("Not confirmed", exact=True)).to_be_visible()
    press(tab, "Confirm address")
    expect(tab.get_by_text(f"{email} is confirmed")).to_be_visible()
    # The other tab is updated, and a reloaded page shows it too.
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Send link")).to_be_hidden()

    tab.goto("about:blank")
    tab.goto(link)
    press(tab, "Confirm address")
    expect(tab.get_by_text("This link no longer works")).to_be_visible()
    expect(tab.get_by_text("is already confirmed")).to_be_visible()


def test_profile_sends_a_link_that_works_without_log_in(
    post: Post, email: str, page: Page, chromium: Browser
) -> None:
    post.server.sign_up(email)
    page.goto(f"{post.server.url}/profile")
    log_in(page, email, PASSWORD)
    press(page, "Send link")
    expect(page.get_by_text("Link sent")).to_be_visible()
    elsewhere = chromium.new_context().new_page()
    elsewhere.goto(post.link(email, "/verify-email"))
    press(elsewhere, "Confirm address")
    expect(elsewhere.get_by_text(f"{email} is confirmed")).to_be_visible()
    elsewhere.get_by_role("link", name="Log in").click()
    expect(elsewhere.get_by_label("E-mail", exact=True)).to_have_value(email)
    elsewhere.context.close()
    page.reload()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()


def test_forgotten_password_is_reset(post: Post, email: str, page: Page) -> None:
    post.server.sign_up(email)
    page.goto(f"{post.server.url}/login")
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.get_by_role("heading", name="Forgot your password?")).to_be_visible()
    expect(page.get_by_label("E-mail", exact=True)).to_have_value(email)
    press(page, "Send link")
    expect(page.get_by_text(f"If there is an account for {email}")).to_be_visible()
    link = post.link(email, "/reset-password")

    with post.server.log_in(email) as elsewhere:
        page.goto(link)
        expect(page.get_by_label("New password", exact=True)).to_be_visible()
        expect(page).to_have_url(f"{post.server.url}/reset-password")
        fill(page, New_password="12345678")
        press(page, "Change password")
        field = page.get_by_label("New password", exact=True)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        assert elsewhere.get("/api/v1/sessions").status_code == 200
        fill(page, New_password=NEW_PASSWORD)  # the link is still good
        press(page, "Change password")
        expect(page.get_by_text("Your password was changed")).to_be_visible()
        assert elsewhere.get("/api/v1/sessions").status_code == 401

    log_in(page, email, PASSWORD)
    expect(page.get_by_text("Wrong e-mail address or password")).to_be_visible()
    log_in(page, email, NEW_PASSWORD)
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()

    # The link worked once.
    page.goto("about:blank")
    page.goto(link)
    fill(page, New_password="yet another long one")
    press(page, "Change password")
    expect(page.get_by_text("This link no longer works")).to_be_visible()
    page.get_by_role("link", name="Request a new link").click()
    expect(page.get_by_role("heading", name="Forgot your password?")).to_be_visible()
    page.goto(f"{post.server.url}/profile")
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()  # still logged in


def test_password_reset_logs_out_the_current_session(post: Post, email: str, page: Page) -> None:
    post.server.sign_up(email)
    page.goto(f"{post.server.url}/profile")
    log_in(page, email, PASSWORD)
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    page.goto(f"{post.server.url}/forgot-password")
    page.get_by_label("E-mail", exact=True).fill(email)
    press(page, "Send link")
    page.goto(post.link(email, "/reset-password"))
    fill(page, New_password=NEW_PASSWORD)
    press(page, "Change password")
    expect(page.get_by_text("Your password was changed")).to_be_visible()
    expect(page.get_by_text("Your session has ended")).to_be_hidden()
    expect(page.get_by_label("E-mail", exact=True)).to_have_value(email)
    log_in(page, email, NEW_PASSWORD)
    expect(page.get_by_role("button", name="Account menu")).to_be_visible()


def test_unknown_address_gets_the_same_response_and_no_e_mail(post: Post, email: str, page: Page) -> None:
    page.goto(f"{post.server.url}/forgot-password")
    page.get_by_label("E-mail", exact=True).fill(email)
    press(page, "Send link")
    expect(page.get_by_text(f"If there is an account for {email}")).to_be_visible()
    assert post.links(email, "/reset-password") == []


def test_password_change_logs_out_other_browsers(
    post: Post, email: str, page: Page, chromium: Browser
) -> None:
    post.server.sign_up(email)
    other = chromium.new_context().new_page()
    for one in (other, page):
        one.goto(f"{post.server.url}/profile")
        log_in(one, email, PASSWORD)
    sessions = page.get_by_role("region", name="Where you are logged in").get_by_role("listitem")
    expect(sessions).to_have_count(2)

    fill(page, Current_password="not my password", New_password=NEW_PASSWORD)
    press(page, "Change password")
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    expect(page.get_by_label("Current password", exact=True)).to_be_focused()
    expect(sessions).to_have_count(2)
    fill(page, Current_password=PASSWORD)
    press(page, "Change password")
    expect(page.get_by_text("Password changed")).to_be_visible()
    expect(sessions).to_have_count(1)
    expect(page.get_by_label("Current password", exact=True)).to_have_value("")

    expect(other.get_by_text("Your session has ended")).to_be_visible()
    log_in(other, email, PASSWORD)
    expect(other.get_by_text("Wrong e-mail address or password")).to_be_visible()
    log_in(other, email, NEW_PASSWORD)
    expect(other.get_by_role("heading", name="Profile")).to_be_visible()
    other.context.close()
    expect(sessions).to_have_count(2)
