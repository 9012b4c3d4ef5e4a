"""The whole story in a real browser: from the first visit to a plugin's output, and log-out."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.server import PASSWORD, Server


def fill(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(label.replace("_", "-"), exact=True).fill(value)


def test_from_the_first_visit_to_a_greeting(
    fresh_server: Server, page: Page, shoot: Callable[[str], None]
) -> None:
    # The first visit creates the owner, with the code from the console.
    page.goto(fresh_server.url)
    page.get_by_label("One-time code").fill("WRONG-CODE")
    fill(page, Name="Olga", E_mail="owner@example.com", Password=PASSWORD)
    page.get_by_role("button", name="Create owner account").click()
    expect(page.get_by_text("Copy the code from the server")).to_be_visible()
    shoot("setup")
    page.get_by_label("One-time code").fill(fresh_server.setup_code)
    page.get_by_role("button", name="Create owner account").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Plugins").click()
    expect(page.get_by_role("heading", name="Plugins", exact=True)).to_be_visible()
    shoot("catalogue")
    log_out(page)

    # A user signs up and logs in.
    page.goto(f"{fresh_server.url}/signup")
    fill(page, Name="Alice", E_mail="alice@example.com", Password="12345678")
    shoot("signup")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("too common", exact=False).first).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    fill(page, E_mail="alice@example.com", Password="not my password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    shoot("login")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    # She opens the template plugin and runs `greet`.
    expect(page.get_by_role("heading", name="Run your first function")).to_be_visible()
    shoot("home-new")
    page.get_by_role("link", name="Template").first.click()
    expect(page.get_by_role("heading", name="Template")).to_be_visible()
    page.goto(f"{fresh_server.url}/plugins/template/greet")
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="Run").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Hello, Ada!")
    activity = page.get_by_role("region", name="Activity")
    expect(activity.get_by_role("listitem").first).to_contain_text("template · greet")
    expect(activity.get_by_role("listitem").first).to_contain_text("Succeeded")
    shoot("plugin")

    # A call made elsewhere appears live.
    with fresh_server.log_in("alice@example.com") as elsewhere:
        elsewhere.post("/api/v1/plugins/template/call/repeat", json={"text": "ho", "times": 3})
    expect(activity.get_by_role("listitem").first).to_contain_text("template · repeat")

    # The home page now suggests the recently used plugin.
    page.get_by_role("link", name="Home", exact=True).click()
    expect(page.get_by_role("heading", name="Recently used")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("listitem").first).to_contain_text("Template")
    shoot("home")

    # Log-out.
    log_out(page)
    page.goto(f"{fresh_server.url}/plugins")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
