"""core.access_version: every committed write to a table that decides access advances it, and no other."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts import api_tokens, rate_limits, sessions
from accounts.authentication import authenticate
from accounts.models import User
from core import access_version, events
from plugins.executions import authorization
from plugins.models import Plugin
from plugins.registry import catalogue
from tests.server import ROOT, clean_environment

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def advances(expected: bool) -> Iterator[None]:
    before = access_version.current()
    yield
    assert (access_version.current() != before) is expected


def execute(sql: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def new_users() -> list[User]:
    return [User(email=f"{name}@example.com", name=name) for name in ("dora", "erin")]


WRITES: dict[str, Callable[[User], object]] = {
    "create": lambda _: User.objects.create_user("dora@example.com", name="Dora"),
    "save": lambda user: user.save(),
    "update": lambda _: User.objects.update(is_staff=True),
    "delete": lambda user: user.delete(),
    "bulk_create": lambda _: User.objects.bulk_create(new_users()),
    "bulk_create that ignores conflicts": lambda _: User.objects.bulk_create(
        new_users(), ignore_conflicts=True
    ),
    "bulk_update": lambda user: User.objects.bulk_update([user], ["name"]),
    "raw UPDATE": lambda _: execute("UPDATE accounts_user SET name = %s", "x"),
    "raw update in lower case": lambda _: execute("\n  update accounts_user set name = %s", "x"),
    "raw DELETE, quoted": lambda _: execute('DELETE FROM "accounts_user" WHERE name = %s', "Alice"),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


@each_write
def test_a_write_to_a_registered_table_advances_the_version(
    write: Callable[[User], object], alice: User
) -> None:
    with advances(True):
        write(alice)


@each_write
def test_a_write_counts_from_its_commit(write: Callable[[User], object], alice: User) -> None:
    with advances(True), transaction.atomic(), advances(False):
        write(alice)


@each_write
def test_a_write_that_is_rolled_back_does_not_count(write: Callable[[User], object], alice: User) -> None:
    with advances(False), pytest.raises(ZeroDivisionError), transaction.atomic():
        write(alice)
        _ = 1 / 0


def test_a_write_in_a_savepoint_that_is_rolled_back_does_not_count(alice: User) -> None:
    with advances(False), transaction.atomic(), pytest.raises(ZeroDivisionError), transaction.atomic():
        alice.save()
        _ = 1 / 0


def url_of_the_test_database() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def test_a_write_in_another_process_advances_the_version(alice: User) -> None:
    code = "from accounts.models import User; User.objects.update(is_staff=True)"
    places = {"DATA_DIR": str(settings.DATA_DIR), "DATABASE_URL": url_of_the_test_database()}
    with advances(True):
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
            cwd=ROOT, env=clean_environment() | places, check=True,
        )  # fmt: skip
    alice.refresh_from_db()
    assert alice.is_staff


OTHER: dict[str, Callable[[User], object]] = {
    "a look-up": lambda _: list(User.objects.all()),
    "an event": lambda user: events.publish("test", {}, to_users=[user.pk]),
    "an attempt to log in": lambda user: rate_limits.count_attempt("192.0.2.1", user.email),
    # Its name begins with that of a registered table: accounts_user_groups.
    "a table with a similar name": lambda user: user.groups.add(Group.objects.create(name="Editors")),
}


@pytest.mark.parametrize("act", OTHER.values(), ids=OTHER.keys())
def test_other_reads_and_writes_do_not_advance_the_version(
    act: Callable[[User], object], alice: User
) -> None:
    with advances(False):
        act(alice)


def test_every_table_that_authorization_reads_is_registered(bundled: dict[str, Plugin], alice: User) -> None:
    """Otherwise a change there would leave cached authorizations valid."""
    tokens = [
        sessions.create_session(alice.pk, 60)[1],
        api_tokens.create_api_token(alice, name="x", scopes=["api"], expires_in_days=1)[1],
    ]
    with CaptureQueriesContext(connection) as queries:
        for token in tokens:
            authenticated = authenticate(
                RequestFactory().post("/", headers={"Authorization": f"Bearer {token}"})
            )
            assert authenticated is not None
            user, _credential = authenticated
            authorization.authorize(catalogue.get_plugin("template"), "greet", authorization.Client(user))
    sql = " ".join(query["sql"] for query in queries)
    tables = set(re.findall(r'(?:FROM|JOIN) "(\w+)"', sql))
    assert {"accounts_user", "accounts_session", "accounts_apitoken", "plugins_plugin"} <= tables
    assert tables <= access_version.tables()
