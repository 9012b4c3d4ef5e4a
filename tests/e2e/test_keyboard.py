"""The app by keyboard alone: the focus is in the right place and visible; dialogs trap and return it."""

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e import checks
from tests.server import PASSWORD, Server

# Whether the focused element, or its card, has a visible focus style, and whether something covers it.
_FOCUS = """() => {
  const focused = document.activeElement;
  const marked = (element) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
  };
  const { left, top, width, height } = focused.getBoundingClientRect();
  const [x, y] = [left + Math.min(width, innerWidth) / 2, top + Math.min(height, innerHeight) / 2];
  const over = document.elementFromPoint(x, y);
  const card = focused.closest('.plugin-card');
  return {
    what: `${focused.tagName} ${(focused.ariaLabel ?? focused.textContent).trim().slice(0, 40)}`,
    isMarked: marked(focused) || (card !== null && marked(card)),
    isSeen: width > 0 && over !== null && (focused.contains(over) || over.contains(focused)),
  };
}"""

# Between the last and the first element of a dialog, the browser's own buttons have the focus.
_KEEPS_FOCUS = """(dialog) => [document.body, null].includes(document.activeElement)
  || dialog.contains(document.activeElement)"""


class Keyboard:
    """A user without a mouse. Each step checks that the focus is visible."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def look(self) -> None:
        checks.at_rest(self.page)
        focus = self.page.evaluate(_FOCUS)
        assert focus["isMarked"], f"nothing shows that {focus['what']} has the focus"
        assert focus["isSeen"], f"{focus['what']} has the focus behind something"

    def go_to(self, target: Locator, key: str = "Tab", within: int = 40) -> None:
        """Presses the key until the target has the focus."""
        expect(target).to_be_visible()
        for _ in range(within):
            self.press(key)
            self.look()
            if target.evaluate("(element) => element === document.activeElement"):
                return
        raise AssertionError(f"{within} times {key} did not lead to {target}")

    def follow(self, target: Locator, key: str = "Tab") -> None:
        self.go_to(target, key)
        self.press("Enter")

    def fill(self, target: Locator, text: str) -> None:
        self.go_to(target)
        self.page.keyboard.type(text)


@pytest.fixture
def keyboard(page: Page) -> Keyboard:
    return Keyboard(page)


@pytest.fixture
def visited(server: Server, page: Page, keyboard: Keyboard) -> Page:
    """The page after a log-in by keyboard."""
    page.goto(f"{server.url}/plugins")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    skip = page.get_by_role("link", name="Skip to content")
    keyboard.press("Tab")
    expect(skip).to_be_focused()
    keyboard.look()
    keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    keyboard.fill(page.get_by_label("E-mail", exact=True), "owner@example.com")
    keyboard.fill(page.get_by_label("Password", exact=True), PASSWORD)
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Plugins", exact=True)).to_be_focused()
    return page


def test_from_log_in_to_log_out(visited: Page, keyboard: Keyboard) -> None:
    page = visited
    keyboard.fill(page.get_by_role("searchbox"), "templ")
    found = page.get_by_role("main")  # beside it is the activity, which tells of others' runs too
    expect(found.get_by_role("listitem").filter(has_text="Convert")).to_have_count(0)
    keyboard.follow(found.get_by_role("link", name="Template"))
    expect(page.get_by_role("heading", name="Template")).to_be_focused()

    # Changing the function leaves the focus on its link, also the second time.
    functions = page.get_by_role("navigation", name="Functions")
    for name in ("Repeat", "Check a form"):
        keyboard.follow(functions.get_by_role("link", name=name))
        expect(functions.get_by_role("link", name=name)).to_be_focused()
    keyboard.follow(functions.get_by_role("link", name="Greet"), "Shift+Tab")

    keyboard.fill(page.get_by_label("Name", exact=True), "Ada")
    run = page.get_by_role("button", name="Run", exact=True)
    keyboard.follow(run)
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Hello, Ada!")
    expect(run).to_be_focused()
    keyboard.follow(result.get_by_role("paragraph").get_by_role("link"))
    expect(page.get_by_role("heading", name="template · greet")).to_be_focused()
    expect(page.get_by_role("region", name="Output")).to_contain_text("Hello, Ada!")

    # The menu opens, returns the focus when closed, and contains the log-out button.
    menu = page.get_by_role("button", name="Account menu")
    keyboard.follow(menu, "Shift+Tab")
    keyboard.go_to(page.get_by_role("link", name="Profile"))
    keyboard.press("Escape")
    expect(page.get_by_role("link", name="Profile")).to_be_hidden()
    expect(menu).to_be_focused()
    keyboard.press("Enter")
    keyboard.follow(page.get_by_role("button", name="Log out"))
    expect(page.get_by_role("heading", name="Log in")).to_be_focused()


def test_dialog_traps_and_returns_the_focus(visited: Page, keyboard: Keyboard) -> None:
    page = visited
    page.goto(f"{page.url.removesuffix('/plugins')}/profile")
    opener = page.get_by_role("button", name="Delete account")
    keyboard.follow(opener)
    dialog = page.get_by_role("dialog", name="Permanently delete your account?")
    expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
    keyboard.look()
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
        keyboard.press(key)
        assert dialog.evaluate(_KEEPS_FOCUS)
    keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_activity_drawer_traps_and_returns_the_focus(visited: Page, keyboard: Keyboard) -> None:
    page = visited
    page.set_viewport_size({"width": 360, "height": 740})
    opener = page.get_by_role("button", name="Activity", exact=True)
    expect(
        opener
    ).to_be_visible()  # it appears when the page has followed the window, and takes no focus before
    opener.focus()
    expect(opener).to_be_focused()
    keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Activity")
    expect(drawer.get_by_role("button", name="Close activity")).to_be_focused()
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
        keyboard.press(key)
        assert drawer.evaluate(_KEEPS_FOCUS)
    keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(opener).to_be_focused()


def test_late_page_does_not_take_the_focus_back(visited: Page, keyboard: Keyboard) -> None:
    page = visited
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/v1/plugins/template", hold)
    keyboard.follow(page.get_by_role("main").get_by_role("link", name="Template").first)
    expect(page.get_by_role("heading", name="template", exact=True)).to_be_focused()
    back = page.get_by_role("link", name="All plugins")
    keyboard.go_to(back, "Shift+Tab")
    held[0].continue_()
    expect(page.get_by_role("heading", name="Template", exact=True)).to_be_visible()
    expect(back).to_be_focused()
