"""The clients' actions, and the answers that they must get.

No input is sent twice, so that an answer meant for another client would be noticed.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import httpx

from tests.plugins.runtime.test_hostile import Hostile
from tests.plugins.runtime.test_hostile_server import CASES, FOLLOWER, slug
from tests.server import PASSWORD, problem_code
from tests.soak.stage import email_of
from tests.soak.tally import Tally

STORE = "http://hostbridge.invalid/host/v1/kv"
LEFT = "left behind"  # the start of the input of a call whose client hung up
MAX_ECHO_BYTES = 60_000
END_SECONDS = 60.0  # by then an asynchronous execution has ended, including its time in the queue


class WrongAnswer(Exception):
    pass


class Busy(Exception):
    """503 `overloaded`: the server correctly asked the client to try again later."""


class NoAnswer(Exception):
    """504 for a call that takes no time: something kept the plugin from answering."""


class HungUp(Exception):
    """This client hung up before it was answered."""


@dataclass
class Actor:
    """A client with its own user. Only one thread may use it at a time.

    `http` is logged in as that user. `stored` is the last value that it put into the plugin's store.
    """

    number: int
    tally: Tally
    chance: Random
    http: httpx.Client = field(default_factory=httpx.Client)
    stored: str = ""
    _turns: "count[int]" = field(default_factory=count)

    @property
    def email(self) -> str:
        return email_of(self.number)

    def unique(self) -> str:
        return f"client {self.number} turn {next(self._turns)} {self.chance.getrandbits(64):x}"

    def call(
        self, plugin: str, function: str, content: bytes | Iterator[bytes], *states: str, **options: Any
    ) -> httpx.Response:
        """Calls a function whose execution must end in one of the states. Raises Busy."""
        path = f"/api/v1/plugins/{plugin}/call/{function}"
        response = self.http.post(path, content=content, **options)
        busy = is_busy(response)
        if "Execution-Id" in response.headers:
            late = response.status_code == 504
            end = {"failed"} if busy else {"timed_out"} if late else {*states}
            self.tally.expect_end(response.headers["Execution-Id"], end)
        if busy:
            raise Busy
        return response


# Raises Busy, NoAnswer, HungUp or WrongAnswer.
Action = Callable[[Actor], None]


def is_busy(response: httpx.Response) -> bool:
    return response.status_code == 503 and problem_code(response) == "overloaded"


def expect(response: httpx.Response, status: int, code: str = "", content: bytes | None = None) -> None:
    """Checks a response. `code` is the problem's. Raises Busy, NoAnswer or WrongAnswer."""
    if is_busy(response):
        raise Busy
    if response.status_code == 504 and status != 504:
        raise NoAnswer(response.text)
    if (
        response.status_code != status
        or (code and problem_code(response) != code)
        or (content is not None and response.content != content)
    ):
        request = f"{response.request.method} {response.request.url.path}"
        wanted = f"{status} {code} {(content or b'')[:100]!r}"
        raise WrongAnswer(f"{request}: {wanted} expected, not {response.status_code} {response.text[:300]}")


def greet(actor: Actor) -> None:
    name = actor.unique()
    response = actor.call("template", "greet", json.dumps({"name": name}).encode(), "succeeded")
    expect(response, 200, content=json.dumps({"message": f"Hello, {name}!"}, separators=(",", ":")).encode())


def echo(actor: Actor) -> None:
    sent = actor.unique().encode() + actor.chance.randbytes(actor.chance.randrange(MAX_ECHO_BYTES))
    expect(actor.call("echo", "run", sent, "succeeded"), 200, content=sent)


def store(actor: Actor) -> None:
    """Reads the value that it wrote last time, writes a new one and reads that."""
    url, value = f"{STORE}/client-{actor.number}", actor.unique()
    headers = {"Content-Type": "application/json"}
    write = {"method": "PUT", "url": url, "headers": headers, "body": json.dumps({"value": value})}
    requests = [{"url": url}, write, {"url": url}]
    response = actor.call("hostcall", "fetch_many", json.dumps(requests).encode(), "succeeded")
    expect(response, 200)
    replies = response.json()
    before, after = (json.loads(reply["body"]).get("value", "") for reply in (replies[0], replies[2]))
    if (before, replies[1]["status"], after) != (actor.stored, 200, value):
        raise WrongAnswer(f"{(actor.stored, value)} stored, {replies} answered")
    actor.stored = value


def later(actor: Actor) -> None:
    """Makes an asynchronous call and reads the output from its record."""
    sent = actor.unique()
    response = actor.call("echo", "run", sent.encode(), "succeeded", headers={"Prefer": "respond-async"})
    expect(response, 202)
    record = wait_for_end(actor, response.headers["Location"])
    if record["state"] != "succeeded" or record["output"] != {"encoding": "text", "content": sent}:
        raise WrongAnswer(f"{sent} expected, {record} recorded")


def cancel(actor: Actor) -> None:
    """Cancels a call that runs or waits in the queue. The call may end before that."""
    sent, headers = actor.unique().encode(), {"Prefer": "respond-async"}
    response = actor.call("sleeper", "sleep_forever", sent, "cancelled", "timed_out", headers=headers)
    expect(response, 202)
    where = response.headers["Location"]
    time.sleep(actor.chance.choice([0, 0.01, 0.1]))
    answer = actor.http.post(f"{where}/cancel")
    if answer.status_code != 204:
        expect(answer, 409, "run-ended")
    wait_for_end(actor, where)


def wait_for_end(actor: Actor, where: str) -> dict[str, Any]:
    """The execution's record. Raises Busy if no worker became free for it in time."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        response = actor.http.get(where)
        expect(response, 200)
        record: dict[str, Any] = response.json()
        if record["finished_at"]:
            if record["problem"] and record["problem"]["type"].endswith(":overloaded"):
                actor.tally.expect_end(record["id"], {"failed"})
                raise Busy
            return record
        time.sleep(0.05)
    raise WrongAnswer(f"{where} has not ended after {END_SECONDS} s")


def hang_up(actor: Actor) -> None:
    """Hangs up during a call, or before the whole request is sent."""
    plugin, function, state = actor.chance.choice(
        [("echo", "run", "succeeded"), ("sleeper", "sleep_forever", "timed_out")]
    )
    sent = f"{LEFT} {actor.unique()}".encode() * 50
    content = sent if actor.chance.random() < 0.8 else _half(sent)
    patience = httpx.Timeout(60, read=actor.chance.choice([0.0001, 0.001, 0.01, 0.1]))
    try:
        response = actor.call(plugin, function, content, state, timeout=patience)
    except httpx.ReadTimeout as error:
        raise HungUp from error
    if state == "succeeded":
        expect(response, 200, content=sent)
    else:
        expect(response, 504, "plugin-timed-out")


def _half(sent: bytes) -> Iterator[bytes]:
    yield sent[: len(sent) // 2]
    raise HungUp


def be_hostile(actor: Actor) -> None:
    case = actor.chance.choice(CASES)
    if isinstance(case, Hostile):
        response = actor.call(slug(case), case.function, case.input, case.state)
        expect(response, case.status, case.code)
    elif case is FOLLOWER:
        response = actor.call(slug(case), case.function, case.input, "succeeded")
        expect(response, 200, "network-not-granted")
    else:
        response = actor.call(slug(case), case.function, case.input, "succeeded")
        expect(response, 200, content=case.output)


def log_in(actor: Actor) -> None:
    """Logs in, reads its session and logs out; then tries a wrong password."""
    name = {"email": actor.email}
    response = actor.http.post("/api/v1/auth/login", json=name | {"password": PASSWORD})
    expect(response, 200)
    headers = {"Authorization": f"Bearer {response.json()['session']['token']}"}
    who = actor.http.get("/api/v1/auth/session", headers=headers)
    expect(who, 200)
    if who.json()["user"]["email"] != actor.email:
        raise WrongAnswer(f"{actor.email} has the session {who.json()}")
    expect(actor.http.post("/api/v1/auth/logout", headers=headers), 204)
    expect(actor.http.get("/api/v1/auth/session", headers=headers), 401)
    expect(actor.http.post("/api/v1/auth/login", json=name | {"password": actor.unique()}), 401)


def look(actor: Actor) -> None:
    """Reads the catalogue and its own history, which must not contain other users' executions."""
    plugins = actor.http.get("/api/v1/plugins")
    expect(plugins, 200)
    history = actor.http.get("/api/v1/executions", params={"page_size": actor.chance.randint(1, 50)})
    expect(history, 200)
    users = {execution["user"]["email"] for execution in history.json()["results"]}
    if users - {actor.email}:
        raise WrongAnswer(f"{actor.email} sees executions of {users}")


# The relative frequency of each action. A hostile, abandoned or cancelled call takes a second of a worker, or
# a new worker, so more of them would crowd out everything else.
MIX: dict[Action, int] = {
    greet: 30,
    echo: 20,
    store: 10,
    look: 8,
    later: 6,
    hang_up: 5,
    be_hostile: 8,
    cancel: 3,
    log_in: 3,
}
