"""Every page of the app in each of its states, and a server with the data for them.

A page that is added to the app gets its lines here, and is then held to what `test_pages.py` holds all to.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from playwright.sync_api import Page, expect

from tests.plugins.bundles.samples import make_zip, zipped
from tests.server import ROOT, Server

OWNER, ALICE, BOB = "owner@example.com", "alice@example.com", "bob@example.com"

# What a request can get instead of the server's response, besides JSON.
HELD, BROKEN, OFFLINE = "held", "broken", "offline"


@dataclass(frozen=True)
class Refusal:
    """A problem instead of the server's response."""

    status: int
    code: str
    title: str
    detail: str
    errors: Mapping[str, str] = field(default_factory=dict)  # by field

    @property
    def body(self) -> dict[str, Any]:
        errors = [{"pointer": f"/{name}", "detail": detail} for name, detail in self.errors.items()]
        type_ = f"urn:hostbridge:problem:{self.code}"
        return {
            "type": type_, "title": self.title, "status": self.status, "detail": self.detail, "errors": errors
        }  # fmt: skip


Answer = str | dict[str, Any] | Refusal

NETWORK = [{"url": "https://api.example.com/v1/", "methods": ["GET"], "reason": "Ask for the weather."}]
REPORT = {"name": "Ada Lovelace", "id": 9007199254740993, "tags": ["math", "poetry"], "born": {"year": 1815}}


def fixture(name: str, **members: Any) -> bytes:
    """A plugin of wasm-plugins/fixtures as an archive, with these members of its manifest replaced."""
    folder = ROOT / "wasm-plugins" / "fixtures" / name
    manifest = json.loads((folder / "plugin.json").read_text()) | members
    wasm = f"{name}.wasm"
    return make_zip({"plugin.json": json.dumps(manifest).encode(), wasm: (folder / wasm).read_bytes()})


@dataclass
class Stage:
    """A server with three users: the owner, Alice who has run functions, and Bob who has not.

    hostcall is active with one permission, hostfn waits, echo is disabled, beacon waits with an upgrade.
    """

    server: Server
    executions: dict[str, str]

    @classmethod
    def start(cls, data_dir: Path) -> Self:
        server = Server.start(
            data_dir,
            PLUGIN_FAULT_BUDGET="0",
            PLUGIN_SLOW_BUDGET="0",
            PLUGIN_WORKERS="3",
            PLUGIN_MAX_TIMEOUT_MS="600000",
        )
        server.make_owner()
        for email in (ALICE, BOB):
            server.sign_up(email)
        stage = cls(server, {})
        with server.log_in(OWNER) as owner:
            stage._install_plugins(owner)
        with server.log_in(ALICE) as alice:
            stage._run_things(alice)
        return stage

    def _install_plugins(self, owner: httpx.Client) -> None:
        patient = {"timeout_ms": 600_000, "memory_mb": 160}
        self._install(owner, fixture("faults", limits=patient), grants=[])
        self._install(owner, fixture("echo"), grants=[])
        self._install(owner, fixture("hostcall"), grants=["kv_list"])
        self._install(owner, fixture("hostfn"), grants=None)
        beacon: dict[str, Any] = {"name": "beacon", "title": "Beacon", "permissions": []}
        self._install(owner, zipped(**beacon), grants=[])
        for_all = [{"name": "fetch", "title": "Fetch", "access": "public"}]
        upgrade = zipped(**beacon, version="1.1.0", network=NETWORK, functions=for_all)
        self._install(owner, upgrade, grants=None)
        owner.patch("/api/v1/plugins/echo", json={"enabled": False}).raise_for_status()

    def _install(self, owner: httpx.Client, bundle: bytes, grants: list[str] | None) -> None:
        """With `grants=None`, it stays awaiting consent."""
        added = owner.post("/api/v1/plugins", files={"bundle": bundle}).raise_for_status().json()
        if grants is not None:
            path = f"/api/v1/plugins/{added['plugin']['slug']}/releases/{added['version']}/activate"
            owner.post(path, json={"grants": grants}).raise_for_status()

    def _run_things(self, alice: httpx.Client) -> None:
        def run(name: str, address: str, body: Any = None, **headers: str) -> None:
            content = json.dumps(body).encode()
            answer = alice.post(f"/api/v1/plugins/{address}", content=content, headers=headers)
            self.executions[name] = answer.headers["Execution-Id"]

        base = "http://hostbridge.invalid/host/v1"
        asked = [{"method": "GET", "url": f"{base}/{path}", "headers": {}} for path in ("kv", "sessions/1")]
        run("done", "template/call/greet", {"name": "Ada"})
        run("asked", "hostcall/call/fetch_many", asked)
        run("tree", "faults/call/echo", REPORT)
        run("failed", "faults/call/trap")
        run("large", "faults/call/echo", "x" * 100_000)
        run("running", "faults/call/sleep_forever", Prefer="respond-async")

    def fill(self, path: str) -> str:
        """Replaces names of executions in the path by their ids: /executions/{done}."""
        return path.format_map(self.executions)

    def stop(self) -> None:
        with self.server.log_in(ALICE) as alice:
            alice.post(f"/api/v1/executions/{self.executions['running']}/cancel")
        self.server.stop()


def nothing(page: Page) -> None:
    pass


@dataclass(frozen=True)
class State:
    """A page in one of its states."""

    # Paths may refer to executions of the stage by name.
    name: str
    path: str
    page_title: str  # without the app's own name
    shows: str  # a text that says that the state is reached
    visitor: str | None = ALICE
    answers: Mapping[str, Answer] = field(default_factory=dict)
    prepare: Callable[[Page], None] = nothing
    refused: tuple[str, ...] = ()  # paths that the server rightly answers with an error

    @property
    def title(self) -> str:
        return f"{self.page_title} · Hostbridge" if self.page_title else "Hostbridge"

    def failing(self, stage: Stage) -> list[str]:
        """The paths whose requests fail in this state."""
        broken = (
            path
            for path, answer in self.answers.items()
            if answer in (BROKEN, OFFLINE) or isinstance(answer, Refusal)
        )
        return [stage.fill(path) for path in (*self.refused, *broken)]

    @property
    def example(self) -> str:
        """An example path, to match against the routes."""
        return re.sub(r"{\w+}", "x", re.split("[?#]", self.path)[0])


def press(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def log_in_wrongly(page: Page) -> None:
    page.get_by_label("E-mail", exact=True).fill(ALICE)
    page.get_by_label("Password", exact=True).fill("not my password")
    press("Log in")(page)


def fill_and_press(name: str, **fields: str) -> Callable[[Page], None]:
    """Types into the fields with these labels, then presses the button."""

    def prepare(page: Page) -> None:
        for label, text in fields.items():
            page.get_by_label(label.replace("_", " "), exact=True).fill(text)
        press(name)(page)

    return prepare


def sign_up(page: Page) -> None:
    page.get_by_label("E-mail", exact=True).fill("carol@example.com")
    fill_and_press("Sign up", Name="Carol", Password="a long walk at dusk")(page)


def forget_password(page: Page) -> None:
    page.get_by_label("E-mail", exact=True).fill(ALICE)
    press("Send link")(page)


def run_greet(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("Ada")
    press("Run")(page)


def open_activity(page: Page) -> None:
    page.set_viewport_size({"width": 768, "height": 1000})
    # Its name may end with the number of running executions.
    page.get_by_role("button", name=re.compile("^Activity")).click()


def lose_network(page: Page) -> None:
    expect(page.get_by_role("link", name="Template").first).to_be_visible()
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", offline)


def make_token(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("backup script")
    page.get_by_role("checkbox").first.check()
    press("Create token")(page)


def convert(text: str) -> Callable[[Page], None]:
    def prepare(page: Page) -> None:
        page.get_by_label("Or paste text").fill(text)
        press("Convert")(page)

    return prepare


def choose_bundle(data: bytes) -> Callable[[Page], None]:
    chosen = {"name": "weather.zip", "mimeType": "application/zip", "buffer": data}
    return lambda page: page.get_by_label("Choose a file").set_input_files(chosen)  # type: ignore[arg-type]


WEATHER = zipped(name="weather", title="Weather", network=NETWORK)
UNKNOWN = "01a20448-468d-7139-a4a5-263a70f09d12"

ASK_TO_VERIFY, VERIFY = "/api/v1/auth/request-email-verification", "/api/v1/auth/verify-email"
ASK_TO_RESET, RESET = "/api/v1/auth/request-password-reset", "/api/v1/auth/reset-password"
CHANGE_PASSWORD = "/api/v1/auth/change-password"
DONE: dict[str, Any] = {}
CAROL = {"id": UNKNOWN, "email": "carol@example.com", "name": "Carol", "email_verified": True}
NOT_SENT = Refusal(
    424, "email-not-sent", "The e-mail could not be sent", "The mail server is away. Try again later."
)
DEAD_LINK = Refusal(
    400, "token-invalid", "This link no longer works", "It was used, or is too old. Ask for a new one."
)


def wrong(**errors: str) -> Refusal:
    return Refusal(400, "invalid-input", "Check your input", "See the errors.", errors)


new_password = fill_and_press("Change password", New_password="a short nap at noon")
other_password = fill_and_press(
    "Change password", Current_password="a long walk at dusk", New_password="a short nap at noon"
)

STATES = [
    # Before log-in.
    State("start-loading", "/", "", "Loading…", None, answers={"/api/v1/setup": HELD}),
    State("start-failed", "/", "", "Try again", None, answers={"/api/v1/setup": BROKEN}),
    State("start-offline", "/", "", "The server cannot be reached", None, answers={"/api/v1/setup": OFFLINE}),
    State("set-up", "/", "Set up", "One-time code", None, answers={"/api/v1/setup": {"needed": True}}),
    State("log-in", "/login", "Log in", "New here?", None),
    State("log-in-first", "/profile", "Log in", "New here?", None),
    State("log-in-refused", "/login", "Log in", "Wrong e-mail address or password", None,
          prepare=log_in_wrongly, refused=("/api/v1/auth/login",)),
    State("sign-up", "/signup", "Sign up", "Create your account", None),
    State("sign-up-done", "/signup", "Log in", "We sent a link to carol@example.com", None, prepare=sign_up,
          answers={"/api/v1/auth/signup": {"user": CAROL}, ASK_TO_VERIFY: DONE}),
    State("sign-up-done-no-mail", "/signup", "Log in", "Your account is ready", None, prepare=sign_up,
          answers={"/api/v1/auth/signup": {"user": CAROL}, ASK_TO_VERIFY: NOT_SENT}),

    # Links from e-mails, and the forms that request them.
    State("forgot-password", "/forgot-password", "Forgot your password?", "Send link", None),
    State("forgot-password-sent", "/forgot-password", "Check your e-mail", "If there is an account for",
          None, answers={ASK_TO_RESET: DONE}, prepare=forget_password),
    State("forgot-password-failed", "/forgot-password", "Forgot your password?", "could not be sent", None,
          answers={ASK_TO_RESET: NOT_SENT}, prepare=forget_password),
    State("reset-password", "/reset-password#token=x", "Choose a new password", "Change password", None),
    State("reset-password-weak", "/reset-password#token=x", "Choose a new password", "It is too common.",
          None, answers={RESET: wrong(password="It is too common.")}, prepare=new_password),
    State("reset-password-done", "/reset-password#token=x", "Log in", "Your password was changed", None,
          answers={RESET: DONE}, prepare=new_password),
    State("reset-password-other-account", "/reset-password#token=x", "The password was changed",
          "still logged in", answers={RESET: DONE}, prepare=new_password),
    State("reset-password-dead", "/reset-password#token=x", "Choose a new password", "Request a new link",
          None, answers={RESET: DEAD_LINK}, prepare=new_password),
    State("reset-password-incomplete", "/reset-password", "Choose a new password", "is incomplete", None),
    State("verify-email", "/verify-email#token=x", "Confirm your address", "Confirm address",
          None),
    State("verify-email-done", "/verify-email#token=x", "Address confirmed", "is confirmed.", None,
          answers={VERIFY: {"user": CAROL}}, prepare=press("Confirm address")),
    State("verify-email-dead", "/verify-email#token=x", "Confirm your address", "no longer works",
          None, answers={VERIFY: DEAD_LINK}, prepare=press("Confirm address")),
    State("verify-email-dead-here", "/verify-email#token=x", "Confirm your address",
          "Send a new link", answers={VERIFY: DEAD_LINK}, prepare=press("Confirm address")),
    State("verify-email-sent", "/verify-email", "Confirm your address", "Link sent",
          answers={ASK_TO_VERIFY: DONE}, prepare=press("Send a new link")),
    State("verify-email-confirmed", "/verify-email", "Confirm your address", "is already confirmed",
          OWNER),
    State("verify-email-failed", "/verify-email#token=x", "Confirm your address",
          "Server error", answers={VERIFY: BROKEN}, prepare=press("Confirm address")),
    State("sign-up-refused", "/signup", "Sign up", "Check the marked fields", None, prepare=press("Sign up"),
          refused=("/api/v1/auth/signup",)),
    State("lost-visitor", "/no/such/page", "Not found", "There is no page at this address", None),

    # Home and the frame around each page.
    State("home", "/", "Home", "Recently used"),
    State("home-first", "/", "Home", "Run your first function", BOB),
    State("home-owner", "/", "Home", "need your consent", OWNER),
    State("home-loading", "/", "Home", "Plugins to try", BOB, answers={"/api/v1/plugins": HELD}),
    State("home-failed", "/", "Home", "Try again", answers={"/api/v1/plugins": BROKEN}),
    State("home-offline", "/plugins", "Plugins", "You are offline.", prepare=lose_network),
    State("activity", "/", "Home", "sleep_forever", prepare=open_activity),
    State("activity-empty", "/", "Home", "No activity yet", BOB, prepare=open_activity),
    State("activity-failed", "/", "Home", "Try again", BOB, answers={"/api/v1/executions": BROKEN},
          prepare=open_activity),
    State("menu", "/sandbox", "Sandbox", "Administration", OWNER, prepare=press("Account menu")),
    State("not-found", "/no/such/page", "Not found", "There is no page at this address"),

    # The catalogue.
    State("catalogue", "/plugins", "Plugins", "Four small functions"),
    State("catalogue-owner", "/plugins", "Plugins", "Upload plugin", OWNER),
    State("catalogue-none", "/plugins", "Plugins", "No plugins match", prepare=lambda page: page.get_by_role(
          "searchbox").fill("unheard of")),
    State("catalogue-empty", "/plugins", "Plugins", "No plugins installed",
          answers={"/api/v1/plugins": {"count": 0, "next": None, "previous": None, "results": []}}),
    State("catalogue-loading", "/plugins", "Plugins", "Plugins run in a sandbox",
          answers={"/api/v1/plugins": HELD}),
    State("catalogue-failed", "/plugins", "Plugins", "Try again", answers={"/api/v1/plugins": BROKEN}),

    # A plugin.
    State("plugin", "/plugins/template", "Template", "Says hello to someone by name."),
    State("plugin-result", "/plugins/template/greet", "Greet · Template", "Hello, Ada!", prepare=run_greet),
    State("plugin-raw", "/plugins/template/repeat", "Repeat · Template", "Input as JSON",
          prepare=press("Raw JSON")),
    State("plugin-wrong", "/plugins/template/greet", "Greet · Template", "Fill in this field.",
          prepare=press("Run")),
    State("plugin-problem", "/plugins/faults/fail_problem", "Fail problem · Fixture: faults", "Failed",
          prepare=press("Run"), refused=("/api/v1/plugins/faults/call/fail_problem",)),
    State("plugin-many-functions", "/plugins/faults/var_counter", "Var counter · Fixture: faults", "Run"),
    State("plugin-secrets", "/plugins/auth/login", "Log in · Authentication", "The address of the account."),
    State("plugin-convert", "/plugins/convert/convert", "Convert · Convert", "The text to convert."),
    State("plugin-no-function", "/plugins/template/nothing", "Template", "There is no function named"),
    State("plugin-waiting", "/plugins/hostfn", "Fixture: host functions", "Awaiting an administrator"),
    State("plugin-disabled", "/plugins/echo", "Fixture: echo", "This plugin is disabled."),
    State("plugin-loading", "/plugins/template", "template", "All plugins",
          answers={"/api/v1/plugins/template": HELD}),
    State("plugin-failed", "/plugins/template", "template", "Try again",
          answers={"/api/v1/plugins/template": BROKEN}),
    State("plugin-lost", "/plugins/nothing", "Not found", "There is no plugin named",
          refused=("/api/v1/plugins/nothing",)),
    State("consent", "/plugins/hostfn", "Fixture: host functions", "This plugin needs your consent", OWNER),
    State("consent-upgrade", "/plugins/beacon", "Beacon", "Version 1.1.0 needs your consent", OWNER),
    State("permissions-editor", "/plugins/hostcall", "Fixture: host calls", "Save permissions", OWNER,
          prepare=press("Edit permissions")),
    State("settings", "/plugins/auth", "Authentication", "Where passwords are hashed", OWNER),
    State("settings-editor", "/plugins/auth", "Authentication", "From 60 (one minute)", OWNER,
          prepare=press("Edit settings")),
    State("plugin-remove", "/plugins/beacon", "Beacon", "Remove permanently", OWNER, prepare=press("Remove")),

    # The page of the plugin convert. Invalid input causes no failed request: it never leaves the page.
    State("convert", "/convert", "Convert", "Drop a file here"),
    State("convert-result", "/convert", "Convert", "Succeeded", prepare=convert("name,age\nAda,36\n")),
    State("convert-wrong", "/convert", "Convert", "This is not valid JSON", prepare=convert('{"a": 1,}')),
    State("convert-loading", "/convert", "Convert", "Convert between",
          answers={"/api/v1/plugins/convert": HELD}),
    State("convert-failed", "/convert", "Convert", "Try again", answers={"/api/v1/plugins/convert": BROKEN}),

    # For administrators.
    State("upload", "/upload", "Upload a plugin", "Drop a bundle here", OWNER),
    State("upload-refused", "/upload", "Upload a plugin", "The archive has no plugin.json.", OWNER,
          prepare=choose_bundle(make_zip({"notes.txt": b"no plugin"})), refused=("/api/v1/plugins",)),
    State("upload-report", "/upload", "Upload a plugin", "Weather 1.0.0 is installed", OWNER,
          prepare=choose_bundle(WEATHER)),
    State("upload-loading", "/upload", "Upload a plugin", "All plugins", OWNER,
          answers={"/api/v1/server": HELD}),
    State("upload-failed", "/upload", "Upload a plugin", "Try again", OWNER,
          answers={"/api/v1/server": BROKEN}),
    State("upload-not-allowed", "/upload", "Not found", "Only administrators"),
    State("sandbox", "/sandbox", "Sandbox", "Layers, in the order", OWNER),
    State("sandbox-loading", "/sandbox", "Sandbox", "What contains a plugin", OWNER,
          answers={"/api/v1/server": HELD}),
    State("sandbox-failed", "/sandbox", "Sandbox", "Try again", OWNER, answers={"/api/v1/server": BROKEN}),

    # Executions.
    State("executions", "/executions", "Executions", "sleep_forever"),
    State("executions-owner", "/executions", "Executions", "Called by", OWNER),
    State("executions-empty", "/executions", "Executions", "No executions yet", BOB),
    State("executions-function", "/executions?plugin=faults&function=echo", "Executions", "2 executions"),
    State("executions-none", "/executions?state=crashed", "Executions", "No matching executions"),
    State("executions-loading", "/executions", "Executions", "latest first",
          answers={"/api/v1/executions": HELD}),
    State("executions-failed", "/executions", "Executions", "Try again",
          answers={"/api/v1/executions": BROKEN}),
    State("execution", "/executions/{done}", "template · greet", "Hello, Ada!"),
    State("execution-asked", "/executions/{asked}", "hostcall · fetch_many", "kv_list"),
    State("execution-tree", "/executions/{tree}", "faults · echo", "Ada Lovelace"),
    State("execution-failed", "/executions/{failed}", "faults · trap", "Backtrace",
          prepare=lambda page: page.get_by_text("Backtrace for").click()),
    State("execution-large", "/executions/{large}", "faults · echo", "too large for the history"),
    State("execution-running", "/executions/{running}", "faults · sleep_forever", "Running for"),
    State("execution-loading", "/executions/{done}", "Execution", "All executions",
          answers={"/api/v1/executions/{done}": HELD}),
    State("execution-lost", f"/executions/{UNKNOWN}", "Not found", "This execution does not exist",
          refused=(f"/api/v1/executions/{UNKNOWN}",)),

    # The user's own account.
    State("tokens", "/tokens", "Access tokens", "You have no tokens", BOB),
    State("tokens-owner", "/tokens", "Access tokens", "New token", OWNER),
    State("tokens-made", "/tokens", "Access tokens", "backup script", prepare=make_token),
    State("tokens-loading", "/tokens", "Access tokens", "New token", answers={"/api/v1/tokens": HELD}),
    State("tokens-failed", "/tokens", "Access tokens", "Try again", answers={"/api/v1/tokens": BROKEN}),
    State("profile", "/profile", "Profile", "Where you are logged in"),
    State("profile-saved", "/profile", "Profile", "Name saved", prepare=press("Save")),
    State("profile-confirmed", "/profile", "Profile", "Confirmed", OWNER),
    State("profile-link-sent", "/profile", "Profile", "Link sent",
          answers={ASK_TO_VERIFY: DONE}, prepare=press("Send link")),
    State("profile-link-not-sent", "/profile", "Profile", "could not be sent",
          answers={ASK_TO_VERIFY: NOT_SENT}, prepare=press("Send link")),
    State("profile-password-wrong", "/profile", "Profile", "This is not your password.",
          answers={CHANGE_PASSWORD: wrong(current_password="This is not your password.")},
          prepare=other_password),
    State("profile-password-changed", "/profile", "Profile", "Password changed",
          answers={CHANGE_PASSWORD: DONE}, prepare=other_password),
    State("profile-loading", "/profile", "Profile", "Delete account", answers={"/api/v1/sessions": HELD}),
    State("profile-failed", "/profile", "Profile", "Try again", answers={"/api/v1/sessions": BROKEN}),
    State("profile-delete", "/profile", "Profile", "Permanently delete your account?",
          prepare=press("Delete account")),
]  # fmt: skip
