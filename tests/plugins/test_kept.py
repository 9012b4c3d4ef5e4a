"""What is kept of users and plugins counts for nothing as soon as any of it may have changed."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.db import transaction

from accounts import generation, services
from accounts.models import APIToken, Session, User
from plugins import kept, kv, registry
from plugins.kept import Kept, NotKept, Remembering
from plugins.models import Execution, Grant, Plugin
from tests.server import Server, problem_code

GREET = "/api/v1/plugins/template/call/greet"


@pytest.fixture
def token(bundled: dict[str, Plugin], alice: User) -> str:
    return services.create_session(alice.pk, 600)[1]


def keep(token: str, slug: str = "template") -> Kept:
    found, remembering = Kept(), Remembering()
    remembering.session(token)
    remembering.plugin(slug)
    found.keep(remembering)
    return found


def test_what_was_looked_up_is_known_without_the_database(
    token: str, alice: User, django_assert_num_queries: Any
) -> None:
    found = keep(token)
    with django_assert_num_queries(0):
        session, plugin = found.session(token), found.plugin("template")
        assert session is not None
        assert session.user == alice
        assert plugin.active.manifest.name == "template"


def test_what_was_not_looked_up_is_not(token: str) -> None:
    found = keep(token)
    for ask in (
        lambda: found.session("hbs_other"),
        lambda: found.plugin("auth"),
        lambda: found.api_token("x"),
    ):
        with pytest.raises(NotKept):
            ask()


CHANGES: dict[str, Callable[[User, Plugin], object]] = {
    "a user": lambda user, _: user.save(),
    "users, in bulk": lambda *_: User.objects.update(is_staff=False),
    "a new session": lambda user, _: services.create_session(user.pk, 60),
    "sessions that end": lambda *_: Session.objects.all().end(),
    "sessions, deleted": lambda *_: Session.objects.all().delete(),
    "an API token": lambda user, _: services.create_api_token(
        user, name="x", scopes=["api"], expires_in_days=1, plugin=""
    ),
    "API tokens, deleted": lambda user, _: APIToken.objects.bulk_create(
        [APIToken(user=user, name="x", token_hash="0" * 64, expires_at=user.created_at)]
    ),
    "a disabled plugin": lambda _, plugin: registry.set_enabled(plugin, False),
    "a plugin's settings": lambda _, plugin: registry.set_settings(plugin, {}),
    "a grant": lambda _, plugin: Grant.objects.create(plugin=plugin, permission="kv_get"),
    "grants, deleted": lambda _, plugin: Grant.objects.filter(plugin__slug="auth").delete(),
    "another release": lambda _, plugin: registry.activate(plugin.active, []),
    "a removed plugin": lambda *_: Plugin.objects.filter(slug="convert").update(slug="gone"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_of_access_is_noticed(
    token: str, alice: User, change: Callable[[User, Plugin], object]
) -> None:
    found = keep(token)
    change(alice, registry.get_plugin("template"))
    with pytest.raises(NotKept):
        found.session(token)
    with pytest.raises(NotKept):
        found.plugin("template")


def test_what_has_nothing_to_do_with_access_is_not(token: str, bundled: dict[str, Plugin]) -> None:
    found = keep(token)
    plugin = bundled["template"]
    kv.put(plugin, "key", {"a": 1})
    Execution.objects.create(plugin=plugin, release=plugin.active, function="greet")
    assert found.plugin("template")


def test_a_change_counts_when_it_is_committed(token: str, alice: User) -> None:
    """Before that, others would look up, and keep, what was."""
    mark = generation.current()
    with transaction.atomic():
        alice.save()
        assert generation.current() == mark
    assert generation.current() != mark


def test_what_was_looked_up_before_a_change_is_not_kept_after_it(token: str, alice: User) -> None:
    found, remembering = Kept(), Remembering()
    remembering.session(token)
    alice.save()
    found.keep(remembering)
    with pytest.raises(NotKept):
        found.session(token)


def test_it_is_kept_for_a_few_seconds_only(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is changed in the database by other means."""
    monkeypatch.setattr(kept, "KEPT_SECONDS", 0)
    with pytest.raises(NotKept):
        keep(token).session(token)


def test_a_kept_session_still_expires(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = keep(token)
    session = found.session(token)
    assert session is not None
    monkeypatch.setattr(kept.timezone, "now", lambda: session.expires_at)
    assert found.session(token) is None


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
