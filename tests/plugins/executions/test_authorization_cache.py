"""Authorizations are cached until anything they depend on may have changed."""

import asyncio
import math
import re
from collections.abc import Callable
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
from plugins.executions.authorization_cache import AuthorizationCache, RequestHead
from plugins.host import kv
from plugins.models import Execution, Grant, Plugin, kept_release
from plugins.registry import catalogue, configuration, consent
from tests.server import Server, problem_code

GREET = "/api/v1/plugins/template/call/greet"
KEY = b"the head of a request"


async def no_look_up(head: RequestHead) -> tuple[authorization.Authorization, float]:
    raise AssertionError("unexpected look-up")


def authorize(client: authorization.Client | None = None) -> authorization.Authorization:
    plugin = catalogue.get_plugin("template")
    return authorization.authorize(plugin, "greet", client or authorization.Client(User()))


def filled(seconds: float = math.inf) -> AuthorizationCache:
    """A cache with an entry under KEY."""
    cache, version = AuthorizationCache(no_look_up), access_version.current()
    cache.store(KEY, authorize(), version=version, seconds=seconds)
    return cache


def test_a_cached_authorization_needs_no_database_query(
    bundled: dict[str, Plugin], django_assert_num_queries: Any
) -> None:
    cache = filled()
    with django_assert_num_queries(0):
        cached = cache.find(KEY)
        assert cached is not None
        runner.begin(cached, b"{}")
    assert cache.find(b"another") is None


def test_the_cache_is_bounded_in_bytes(bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client can add an entry with every request by sending another long user agent each time."""
    monkeypatch.setattr(authorization_cache, "MAX_BYTES", 1 << 20)
    cache, version = AuthorizationCache(no_look_up), access_version.current()
    for number in range(100):
        client = authorization.Client(User(), f"{number}".ljust(60_000, "x"))
        cache.store(b"%d" % number, authorize(client), version=version, seconds=math.inf)
        assert cache.find(b"%d" % number) is not None
    assert len(cache) < 20


def tables_read(context: Any) -> set[str]:
    return {name for query in context for name in re.findall(r'(?:FROM|JOIN) "(\w+)"', query["sql"])}


@pytest.mark.parametrize("credential", ["session", "api token"])
def test_every_table_that_authorization_reads_advances_the_access_version(
    bundled: dict[str, Plugin], alice: User, django_assert_max_num_queries: Any, credential: str
) -> None:
    """A table that is not registered would leave cached access in force after a change."""
    if credential == "session":
        _, token = sessions.create_session(alice.pk, 600)
    else:
        _, token = api_tokens.create_api_token(alice, name="x", scopes=["api"], expires_in_days=1)
    head = RequestHead.of(scope(authorization=f"Bearer {token}"))
    kept_release.cache_clear()
    with django_assert_max_num_queries(20) as queries:
        call_endpoint.authorize_request(ASGIRequest(head.as_scope(), BytesIO()), "template", "greet")
    tables = tables_read(queries.captured_queries)
    assert {"accounts_user", "plugins_plugin", "plugins_grant", "plugins_release"} <= tables
    assert tables <= access_version.tables()


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
def test_every_change_of_access_invalidates_the_cache(
    bundled: dict[str, Plugin], alice: User, change: Callable[[User, Plugin], object]
) -> None:
    sessions.create_session(alice.pk, 600)
    cache = filled()
    change(alice, catalogue.get_plugin("template"))
    assert cache.find(KEY) is None


def test_other_writes_do_not_invalidate_the_cache(bundled: dict[str, Plugin]) -> None:
    cache = filled()
    plugin = bundled["template"]
    kv.put(plugin, "key", {"a": 1})
    Execution.objects.create(plugin=plugin, release=plugin.active, function="greet")
    assert cache.find(KEY)


def test_change_takes_effect_at_its_commit(bundled: dict[str, Plugin], alice: User) -> None:
    """If it took effect earlier, others would look up and cache the old state."""
    version = access_version.current()
    with transaction.atomic():
        alice.save()
        assert access_version.current() == version
    assert access_version.current() != version


def test_look_up_from_before_a_change_is_not_cached_after_it(bundled: dict[str, Plugin], alice: User) -> None:
    cache, version = filled(), access_version.current()
    cached = cache.find(KEY)
    assert cached
    alice.save()
    cache.store(KEY, cached, version=version, seconds=60)
    assert cache.find(KEY) is None


def test_late_look_up_does_not_evict_newer_entries(bundled: dict[str, Plugin]) -> None:
    version = access_version.current()
    access_version.advance()
    cache = filled()
    cache.store(b"another", authorize(), version=version, seconds=60)
    assert cache.find(KEY)


def test_entries_expire_after_a_few_seconds(
    bundled: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do so because of changes to the database that are made outside Django."""
    monkeypatch.setattr(authorization_cache, "CACHE_SECONDS", 0)
    assert filled().find(KEY) is None


def test_entry_expires_with_its_credential(bundled: dict[str, Plugin], alice: User) -> None:
    session, token = sessions.create_session(alice.pk, 600)
    Session.objects.filter(pk=session.pk).update(expires_at=timezone.now() + timedelta(seconds=2))
    request = ASGIRequest(RequestHead.of(scope(authorization=f"Bearer {token}")).as_scope(), BytesIO())
    _, seconds = call_endpoint.authorize_request(request, "template", "greet")
    assert 0 < seconds <= 2
    assert filled(seconds=0).find(KEY) is None


def scope(**headers: str) -> dict[str, Any]:
    """The scope of a call of greet. In the names of headers, `_` stands for `-`."""
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


def test_every_part_that_decides_access_is_in_the_key() -> None:
    """Each of these decides who may call, or what the host records about the caller."""
    scopes = [
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
    assert len({repr(RequestHead.of(one)) for one in scopes}) == len(scopes)


def test_parts_that_differ_between_requests_are_not_in_the_key() -> None:
    same = [
        scope(),
        scope() | {"client": ("127.0.0.1", 50_001)},
        scope(content_length="7"),
        scope(traceparent="00-1-2-01"),
    ]
    assert len({repr(RequestHead.of(one)) for one in same}) == 1


def test_authorization_sees_no_other_headers() -> None:
    request = ASGIRequest(
        RequestHead.of(scope(x_forwarded_host="evil.example", cookie="a=b")).as_scope(), BytesIO()
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
def test_change_by_another_process_takes_effect_at_the_next_call(
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
    """Replaces the database. Each look-up waits until `released` and has a different result."""

    def __init__(self) -> None:
        self.started = 0
        self.released = asyncio.Event()

    async def __call__(self, head: RequestHead) -> tuple[Any, float]:
        self.started += 1
        number = self.started
        await self.released.wait()
        job = SimpleNamespace(config=b"")
        return SimpleNamespace(number=number, client=authorization.Client(), job=job), 60


async def started(look_ups: SlowLookUps, number: int) -> None:
    async with asyncio.timeout(10):
        while look_ups.started < number:
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_waiters_for_the_same_request_head_share_one_look_up() -> None:
    look_ups = SlowLookUps()
    cache = AuthorizationCache(look_ups)
    scopes = [scope(), scope(), scope(cookie="another"), scope()]
    waiting = [asyncio.create_task(cache.get(RequestHead.of(each))) for each in scopes]
    await started(look_ups, 2)
    look_ups.released.set()
    first, second, another, last = [found.number for found in await asyncio.gather(*waiting)]  # type: ignore[attr-defined]
    assert look_ups.started == 2
    assert first == second == last != another


@pytest.mark.asyncio
async def test_look_up_from_before_a_change_is_not_shared_after_it() -> None:
    look_ups = SlowLookUps()
    cache = AuthorizationCache(look_ups)
    before = asyncio.create_task(cache.get(RequestHead.of(scope())))
    await started(look_ups, 1)
    access_version.advance()
    after = asyncio.create_task(cache.get(RequestHead.of(scope())))
    await started(look_ups, 2)
    look_ups.released.set()
    assert (await after).number != (await before).number  # type: ignore[attr-defined]
