"""Who was let in is known for a while, and counts for nothing as soon as any of it may have changed."""

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.utils import timezone

from accounts import api_tokens, sessions
from accounts.models import APIToken, Session, User
from core import access_version
from plugins.executions import authorization, authorization_cache, call_endpoint, runner
from plugins.executions.authorization_cache import AuthorizationCache
from plugins.host import kv
from plugins.models import Execution, Grant, Plugin
from plugins.registry import catalogue, configuration, consent
from tests.server import Server, problem_code

GREET = "/api/v1/plugins/template/call/greet"
KEY = b"the head of a request"


def keep(seconds: float = math.inf) -> AuthorizationCache:
    found, mark = AuthorizationCache(), access_version.current()
    admission = authorization.authorize(
        catalogue.get_plugin("template"), "greet", authorization.Client(User())
    )
    found.keep(KEY, admission, mark=mark, seconds=seconds)
    return found


def test_what_was_found_is_known_without_the_database(
    bundled: dict[str, Plugin], django_assert_num_queries: Any
) -> None:
    found = keep()
    with django_assert_num_queries(0):
        admission = found.get(KEY)
        assert admission is not None
        runner.begin(admission, b"{}")
    assert found.get(b"another") is None


def test_what_is_known_takes_no_more_memory_than_it_may(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names another program with each request, and a long one, is somebody else each time."""
    monkeypatch.setattr(authorization_cache, "MAX_BYTES", 1 << 20)
    found, mark = AuthorizationCache(), access_version.current()
    plugin = catalogue.get_plugin("template")
    for number in range(100):
        client = authorization.Client(User(), f"{number}".ljust(60_000, "x"))
        found.keep(
            b"%d" % number, authorization.authorize(plugin, "greet", client), mark=mark, seconds=math.inf
        )
        assert found.get(b"%d" % number) is not None
    assert len(found._entries) < 20


CHANGES: dict[str, Callable[[User, Plugin], object]] = {
    "a user": lambda user, _: user.save(),
    "users, in bulk": lambda *_: User.objects.update(is_staff=False),
    "a new session": lambda user, _: sessions.create_session(user.pk, 60),
    "sessions that end": lambda *_: Session.objects.all().end(),
    "sessions, deleted": lambda *_: Session.objects.all().delete(),
    "an API token": lambda user, _: api_tokens.create_api_token(
        user, name="x", scopes=["api"], expires_in_days=1, plugin=""
    ),
    "API tokens, deleted": lambda user, _: APIToken.objects.bulk_create(
        [APIToken(user=user, name="x", token_hash="0" * 64, expires_at=user.created_at)]
    ),
    "a disabled plugin": lambda _, plugin: configuration.set_enabled(plugin, False),
    "a plugin's settings": lambda _, plugin: configuration.set_settings(plugin, {}),
    "a grant": lambda _, plugin: Grant.objects.create(plugin=plugin, permission="kv_get"),
    "grants, deleted": lambda _, plugin: Grant.objects.filter(plugin__slug="auth").delete(),
    "another release": lambda _, plugin: consent.activate(plugin.active, []),
    "a removed plugin": lambda *_: Plugin.objects.filter(slug="convert").update(slug="gone"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_of_access_is_noticed(
    bundled: dict[str, Plugin], alice: User, change: Callable[[User, Plugin], object]
) -> None:
    sessions.create_session(alice.pk, 600)
    found = keep()
    change(alice, catalogue.get_plugin("template"))
    assert found.get(KEY) is None


def test_what_has_nothing_to_do_with_access_is_not(bundled: dict[str, Plugin]) -> None:
    found = keep()
    plugin = bundled["template"]
    kv.put(plugin, "key", {"a": 1})
    Execution.objects.create(plugin=plugin, release=plugin.active, function="greet")
    assert found.get(KEY)


def test_a_change_counts_when_it_is_committed(bundled: dict[str, Plugin], alice: User) -> None:
    """Before that, others would look up, and keep, what was."""
    mark = access_version.current()
    with transaction.atomic():
        alice.save()
        assert access_version.current() == mark
    assert access_version.current() != mark


def test_what_was_looked_up_before_a_change_is_not_kept_after_it(
    bundled: dict[str, Plugin], alice: User
) -> None:
    found, mark = keep(), access_version.current()
    admission = found.get(KEY)
    assert admission
    alice.save()
    found.keep(KEY, admission, mark=mark, seconds=60)
    assert found.get(KEY) is None


def test_it_is_kept_for_a_few_seconds_only(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For what is changed in the database by other means."""
    monkeypatch.setattr(authorization_cache, "KEPT_SECONDS", 0)
    assert keep().get(KEY) is None


def test_it_is_kept_no_longer_than_the_credential_lasts(bundled: dict[str, Plugin], alice: User) -> None:
    session, token = sessions.create_session(alice.pk, 600)
    Session.objects.filter(pk=session.pk).update(expires_at=timezone.now() + timedelta(seconds=2))
    request = ASGIRequest(call_endpoint.Head.of(scope(authorization=f"Bearer {token}")).as_scope(), BytesIO())
    _, seconds = call_endpoint.authorize_request(request, "template", "greet")
    assert 0 < seconds <= 2
    assert keep(seconds=0).get(KEY) is None


def scope(**headers: str) -> dict[str, Any]:
    """A call of greet as a server hands it over; in a header's name, `_` stands for `-`."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": "POST",
        "path": GREET,
        "raw_path": GREET.encode(),
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50_000),
        "headers": [(b"host", b"127.0.0.1:8000"), *raw],
    }


def test_one_requests_admission_is_not_anothers() -> None:
    """Each of these decides who may call, or what the host is told of the caller."""
    asked = [
        scope(),
        scope() | {"path": GREET.replace("greet", "repeat")},
        scope() | {"scheme": "https"},
        scope() | {"client": ("127.0.0.2", 50_000)},
        scope(host="evil.example"),
        *(
            scope(**{name: "x"})
            for name in (
                "authorization", "cookie", "x_csrftoken", "origin", "referer", "via", "user_agent",
                "x_forwarded_proto", "x_forwarded_for",
            )
        ),
    ]  # fmt: skip
    assert len({repr(call_endpoint.Head.of(one)) for one in asked}) == len(asked)


def test_what_changes_with_every_request_is_left_out() -> None:
    same = [
        scope(),
        scope() | {"client": ("127.0.0.1", 50_001)},
        scope(content_length="7"),
        scope(traceparent="00-1-2-01"),
    ]
    assert len({repr(call_endpoint.Head.of(one)) for one in same}) == 1


def test_a_header_that_does_not_decide_is_not_there_when_it_is_decided() -> None:
    request = ASGIRequest(
        call_endpoint.Head.of(scope(x_forwarded_host="evil.example", cookie="a=b")).as_scope(), BytesIO()
    )
    assert "HTTP_X_FORWARDED_HOST" not in request.META
    assert request.COOKIES == {"a": "b"}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("plugin", "disable", "template"), "plugin-disabled"),
        (
            ("shell", "-v", "0", "-c", "from accounts.models import *; Session.objects.all().delete()"),
            "session-expired",
        ),
        (
            ("shell", "-v", "0", "-c", "from accounts.models import *; User.objects.update(is_active=False)"),
            "session-expired",
        ),
    ],
)
def test_what_another_process_changes_counts_at_the_next_call(
    tmp_path: Any, command: tuple[str, ...], code: str
) -> None:
    server = Server.start(tmp_path / "data")
    try:
        server.make_owner()
        with server.log_in("owner@example.com") as client:
            for _ in range(3):
                assert client.post(GREET, json={"name": "Ada"}).status_code == 200
            server.manage(*command)
            refused: httpx.Response = client.post(GREET, json={"name": "Ada"})
            assert problem_code(refused) == code
    finally:
        server.stop()


class SlowLookUps:
    """Stands in for the database: each look-up waits until it is let go, and finds something else."""

    def __init__(self) -> None:
        self.begun = 0
        self.let_go = threading.Event()

    def __call__(self, request: Any, slug: str, function: str) -> tuple[Any, float]:
        self.begun += 1
        number = self.begun
        assert self.let_go.wait(10)
        return SimpleNamespace(
            number=number, client=authorization.Client(), job=SimpleNamespace(config=b"")
        ), 60


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowLookUps]:
    slow = SlowLookUps()
    monkeypatch.setattr(call_endpoint, "authorize_request", slow)
    yield slow
    slow.let_go.set()


async def begun(look_ups: SlowLookUps, number: int) -> None:
    async with asyncio.timeout(10):
        while look_ups.begun < number:
            await asyncio.sleep(0.01)


def endpoint() -> call_endpoint.CallEndpoint:
    async def nothing(*_: Any) -> None: ...

    return call_endpoint.CallEndpoint(nothing, most=100, headers=[])


@pytest.mark.asyncio
async def test_those_who_wait_for_the_same_are_looked_up_once(look_ups: SlowLookUps) -> None:
    ours = endpoint()
    asked = [scope(), scope(), scope(cookie="another"), scope()]
    waiting = [asyncio.create_task(ours._admission(one, "template", "greet")) for one in asked]
    await begun(look_ups, 2)
    look_ups.let_go.set()
    first, second, another, last = [admission.number for admission in await asyncio.gather(*waiting)]
    assert look_ups.begun == 2
    assert first == second == last != another


@pytest.mark.asyncio
async def test_nobody_takes_what_was_looked_up_before_something_changed(look_ups: SlowLookUps) -> None:
    ours = endpoint()
    before = asyncio.create_task(ours._admission(scope(), "template", "greet"))
    await begun(look_ups, 1)
    access_version.advance()
    after = asyncio.create_task(ours._admission(scope(), "template", "greet"))
    await begun(look_ups, 2)
    look_ups.let_go.set()
    assert (await after).number != (await before).number


@pytest.mark.asyncio
async def test_a_client_that_goes_away_takes_the_look_up_from_nobody(look_ups: SlowLookUps) -> None:
    ours = endpoint()
    gone, stays = (asyncio.create_task(ours._admission(scope(), "template", "greet")) for _ in range(2))
    await begun(look_ups, 1)
    gone.cancel()
    look_ups.let_go.set()
    assert (await stays).number == 1
