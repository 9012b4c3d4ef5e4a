"""Search for a plugin, and filter its executions, in a real browser."""

from playwright.sync_api import Page, expect

from tests.server import PASSWORD, Server


def test_search_plugins_and_filter_executions(server: Server, page: Page) -> None:
    with server.log_in("owner@example.com") as owner:
        owner.post("/api/v1/plugins/template/call/greet", json={"name": "Ada"}).raise_for_status()
        repeat = {"text": "na ", "times": 2}
        owner.post("/api/v1/plugins/template/call/repeat", json=repeat).raise_for_status()
    page.goto(f"{server.url}/plugins")
    page.get_by_label("E-mail", exact=True).fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    # The search matches the description, and going back restores the results.
    search = page.get_by_role("searchbox")
    search.fill("small functions")
    expect(page.get_by_role("status").get_by_text("1 match")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Template").click()
    expect(page.get_by_role("heading", name="Template", exact=True)).to_be_visible()
    page.go_back()
    expect(search).to_have_value("small functions")
    expect(page.get_by_role("main").get_by_role("link")).to_have_count(2)  # and the one to upload
    page.go_forward()

    page.get_by_role("link", name="View runs").click()
    table = page.get_by_role("table", name="Executions")
    expect(page.get_by_label("Plugin", exact=True)).to_have_value("template")
    expect(table).to_contain_text("repeat")
    expect(table).to_contain_text("greet")
    expect(table).not_to_contain_text("auth")
    page.get_by_label("Function", exact=True).select_option("repeat")
    expect(table).not_to_contain_text("greet")
    expect(table).to_contain_text("repeat")

    # Changing the plugin resets the function.
    page.get_by_label("Plugin", exact=True).select_option("auth")
    expect(page.get_by_label("Function", exact=True)).to_have_value("")
    expect(table).to_contain_text("login")
    page.get_by_label("Plugin", exact=True).select_option("")
    expect(page.get_by_label("Function", exact=True)).to_have_count(0)
