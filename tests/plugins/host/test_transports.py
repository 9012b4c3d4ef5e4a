"""One table of cases through all three transports: guest HTTP, real HTTP with a token, host functions.

The same fields must give the same answer, or the same problem, over each of them.
"""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.core import mail

from accounts import api_tokens, sessions, single_use_tokens, users
from accounts.mail import send_account_email
from accounts.models import User
from core.operations import OPERATIONS, Operation
from plugins.host import kv
from plugins.models import Plugin
from tests.conftest import API, PASSWORD, host_calls, password_hash

Install = Callable[..., Plugin]
Fields = dict[str, Any]
UNKNOWN = str(uuid.UUID(int=7))
HOUR = 3600


@dataclass
class World:
    """What a case can set up. Each transport gets its own."""

    plugin: Plugin

    def user(self) -> User:
        return users.create_user(
            email=f"{uuid.uuid4().hex}@example.com",
            name="Dora",
            password_hash=password_hash(),
            profile={"a": 1},
        )

    def session(self) -> tuple[Any, str]:
        return sessions.create_session(self.user().pk, HOUR)

    def verification(self) -> tuple[Any, str]:
        return single_use_tokens.create_email_verification_token(self.user().pk, HOUR)

    def reset(self) -> tuple[Any, str]:
        return single_use_tokens.create_password_reset_token(self.user().pk, HOUR)

    def entry(self, key: str = "a.key") -> dict[str, Any]:
        return kv.put(self.plugin, key, {"n": [1, "zwei", None]})


def fresh_email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


def used(token: str) -> str:
    single_use_tokens.use_password_reset_token(token)
    return token


def send_five(world: World) -> Fields:
    row, token = world.verification()
    fields = {"user_id": str(row.user_id), "template": "verify-email", "token": token}
    for _ in range(5):
        send_account_email(row.user_id, "verify-email", token)
    return fields


Case = tuple[str, str, int, Callable[[World], Fields]]
CASES: list[Case] = [
    ("db_create_user", "works", 201, lambda w: {"email": fresh_email(), "name": "Dora", "password": PASSWORD}),
    ("db_create_user", "taken", 409, lambda w: {"email": w.user().email.upper(), "name": "x", "password": PASSWORD}),
    ("db_create_user", "weak password", 400, lambda w: {"email": "d@example.com", "name": "x", "password": "12345678"}),
    ("db_create_user", "wrong types", 400, lambda w: {"email": 7, "name": ["x"], "password": None}),
    ("db_create_user", "unknown field", 400, lambda w: {"is_staff": True}),
    ("db_create_user", "nul", 400, lambda w: {"email": "d@example.com", "name": "a\0b", "password": PASSWORD}),
    ("db_get_user_by_email", "works", 200, lambda w: {"email": w.user().email}),
    ("db_get_user_by_email", "missing", 404, lambda w: {"email": "nobody@example.com"}),
    ("db_get_user_by_email", "no e-mail", 400, lambda w: {}),
    ("db_get_user_by_email", "unknown field", 400, lambda w: {"email": "a@b.example", "x": "y"}),
    ("db_get_user_by_uuid", "works", 200, lambda w: {"uuid": str(w.user().pk)}),
    ("db_get_user_by_uuid", "missing", 404, lambda w: {"uuid": UNKNOWN}),
    ("db_get_user_by_uuid", "not a uuid", 404, lambda w: {"uuid": "seven"}),
    ("db_update_user_password", "works", 204, lambda w: {"uuid": str(w.user().pk), "password": "another walk at dawn"}),
    ("db_update_user_password", "both", 400, lambda w: {"uuid": str(w.user().pk), "password": PASSWORD, "password_hash": "x"}),
    ("db_update_user_password", "missing", 404, lambda w: {"uuid": UNKNOWN, "password": PASSWORD}),
    ("db_update_user_password", "bad reset token", 400, lambda w: {"uuid": str(w.user().pk), "password": PASSWORD, "reset_token": "x"}),
    ("db_update_user_email_verified", "works", 200, lambda w: {"uuid": str(w.user().pk), "email_verified": True}),
    ("db_update_user_email_verified", "text", 400, lambda w: {"uuid": str(w.user().pk), "email_verified": "true"}),
    ("db_update_user_profile", "works", 200, lambda w: {"uuid": str(w.user().pk), "profile": {"ü": "ö"}}),
    ("db_update_user_profile", "too large", 400, lambda w: {"uuid": str(w.user().pk), "profile": {"x": "y" * 20000}}),
    ("db_create_session", "works", 201, lambda w: {"user_id": str(w.user().pk), "ttl_seconds": 600}),
    ("db_create_session", "too long", 400, lambda w: {"user_id": str(w.user().pk), "ttl_seconds": 10**9}),
    ("db_create_session", "missing", 404, lambda w: {"user_id": UNKNOWN, "ttl_seconds": 600}),
    ("db_get_session", "works", 200, lambda w: {"token": w.session()[1]}),
    ("db_get_session", "unknown", 404, lambda w: {"token": "hbs_made_up"}),
    ("db_delete_session", "works", 204, lambda w: {"id": str(w.session()[0].pk)}),
    ("db_delete_session", "missing", 404, lambda w: {"id": UNKNOWN}),
    ("db_delete_user_sessions", "works", 200, lambda w: {"uuid": str(w.session()[0].user_id)}),
    ("db_delete_user_sessions", "missing", 404, lambda w: {"uuid": UNKNOWN}),
    ("db_cleanup_expired_sessions", "works", 200, lambda w: {}),
    ("db_cleanup_expired_sessions", "unknown field", 400, lambda w: {"all": True}),
    ("db_create_email_verification_token", "works", 201, lambda w: {"user_id": str(w.user().pk), "ttl_seconds": 600}),
    ("db_create_email_verification_token", "too short", 400, lambda w: {"user_id": str(w.user().pk), "ttl_seconds": 1}),
    ("db_get_email_verification_token", "works", 200, lambda w: {"token": w.verification()[1]}),
    ("db_get_email_verification_token", "another kind", 404, lambda w: {"token": w.reset()[1]}),
    ("db_use_email_verification_token", "works", 200, lambda w: {"token": w.verification()[1]}),
    ("db_use_email_verification_token", "unknown", 404, lambda w: {"token": "hbv_made_up"}),
    ("db_create_password_reset_token", "works", 201, lambda w: {"user_id": str(w.user().pk), "ttl_seconds": 600}),
    ("db_create_password_reset_token", "missing", 404, lambda w: {"user_id": UNKNOWN, "ttl_seconds": 600}),
    ("db_get_password_reset_token", "works", 200, lambda w: {"token": w.reset()[1]}),
    ("db_get_password_reset_token", "used", 404, lambda w: {"token": used(w.reset()[1])}),
    ("db_use_password_reset_token", "works", 200, lambda w: {"token": w.reset()[1]}),
    ("db_use_password_reset_token", "used", 404, lambda w: {"token": used(w.reset()[1])}),
    ("db_cleanup_expired_tokens", "works", 200, lambda w: {}),
    ("db_delete_user", "works", 204, lambda w: {"uuid": str(w.user().pk)}),
    ("db_delete_user", "missing", 404, lambda w: {"uuid": UNKNOWN}),
    ("verify_password", "right", 200, lambda w: {"uuid": str(w.user().pk), "password": PASSWORD}),
    ("verify_password", "wrong", 200, lambda w: {"uuid": str(w.user().pk), "password": "x"}),
    ("verify_password", "nobody", 200, lambda w: {"uuid": UNKNOWN, "password": "x"}),
    ("send_email", "works", 202, lambda w: _email(w.verification(), "verify-email")),
    ("send_email", "reset", 202, lambda w: _email(w.reset(), "reset-password")),
    ("send_email", "of the other kind", 400, lambda w: _email(w.reset(), "verify-email")),
    ("send_email", "somebody else's token", 400, lambda w: _email(w.reset(), "reset-password") | {"user_id": str(w.user().pk)}),
    ("send_email", "no such user", 404, lambda w: {"user_id": UNKNOWN, "template": "verify-email", "token": "x"}),
    ("send_email", "too many", 429, send_five),
    ("notify", "to a user", 202, lambda w: {"title": "Hello", "user_id": str(w.user().pk)}),
    ("notify", "to watchers", 202, lambda w: {"title": "Hello", "body": "…", "level": "warning"}),
    ("notify", "no title", 400, lambda w: {"title": ""}),
    ("notify", "wrong level", 400, lambda w: {"title": "x", "level": "scream"}),
    ("notify", "nobody", 404, lambda w: {"title": "x", "user_id": UNKNOWN}),
    ("kv_set", "works", 200, lambda w: {"key": "new.key", "value": {"ä": [1.5, None, True]}, "ttl_seconds": 60}),
    ("kv_set", "null", 200, lambda w: {"key": "new.key", "value": None}),
    ("kv_set", "only if absent, but there", 412, lambda w: {"key": w.entry()["key"], "value": 1, "if_version": 0}),
    ("kv_set", "over its version", 200, lambda w: {"key": "a.key", "value": 1, "if_version": w.entry()["version"]}),
    ("kv_set", "too large", 413, lambda w: {"key": "k", "value": "x" * (64 << 10)}),
    ("kv_set", "no value", 400, lambda w: {"key": "k"}),
    ("kv_set", "a key with a slash", 404, lambda w: {"key": "a/b", "value": 1}),
    ("kv_get", "works", 200, lambda w: {"key": w.entry()["key"]}),
    ("kv_get", "missing", 404, lambda w: {"key": "nothing"}),
    ("kv_get", "dots", 404, lambda w: {"key": ".."}),
    ("kv_delete", "works", 204, lambda w: {"key": w.entry()["key"]}),
    ("kv_delete", "another version", 412, lambda w: {"key": w.entry()["key"], "if_version": 1}),
    ("kv_delete", "missing", 404, lambda w: {"key": "nothing"}),
    ("kv_list", "works", 200, lambda w: [w.entry(k) for k in ("b", "a", "c")] and {"limit": 2}),
    ("kv_list", "by prefix", 200, lambda w: [w.entry(k) for k in ("x.1", "y.1")] and {"prefix": "x."}),
    ("kv_list", "past the end", 200, lambda w: w.entry() and {"cursor": "zzz"}),
    ("kv_list", "wrong limit", 400, lambda w: {"limit": 101}),
]  # fmt: skip


def _email(row_and_token: tuple[Any, str], template: str) -> Fields:
    row, token = row_and_token
    return {"user_id": str(row.user_id), "template": template, "token": token}


def as_http(operation: Operation, fields: Fields) -> tuple[str, str]:
    """The path with its query, and the body, for these fields."""
    fields = dict(fields)
    path = operation.route
    for name in operation.path_fields:
        path = re.sub(rf"<\w+:{name}>", quote(str(fields.pop(name)), safe=""), path)
    if operation.query is not None:
        return f"/host/v1/{path}" + (f"?{urlencode(fields)}" if fields else ""), ""
    return f"/host/v1/{path}", json.dumps(fields) if operation.request or fields else ""


Answer = tuple[int, Any]


def by_guest_http(
    install: Install, charlie: User, operation: Operation, make: Callable[[World], Fields]
) -> Answer:
    plugin = install("hostcall", operation.name)
    url, body = as_http(operation, make(World(plugin)))
    asked = {
        "method": operation.method,
        "url": f"http://hostbridge.invalid{url}",
        "headers": {"Content-Type": "application/json"} if body else {},
        "body": body or None,
    }
    response = API(charlie).post("/api/v1/plugins/hostcall/call/fetch", asked)
    seen = json.loads(response.content)
    return seen["status"], json.loads(seen["body"]) if seen["body"] else None


def by_real_http(
    install: Install, charlie: User, operation: Operation, make: Callable[[World], Fields]
) -> Answer:
    plugin = install("hostcall")
    _row, token = api_tokens.create_api_token(
        charlie, name="t", scopes=[operation.name], expires_in_days=1, plugin=plugin.slug
    )
    client = API()
    client.headers["Authorization"] = f"Bearer {token}"
    url, body = as_http(operation, make(World(plugin)))
    options: dict[str, Any] = {} if body else {"content_type": ""}
    response = client.request(operation.method, url, body.encode(), **options)
    return response.status_code, json.loads(response.content) if response.content else None


def by_host_function(
    install: Install, charlie: User, operation: Operation, make: Callable[[World], Fields]
) -> Answer:
    plugin = install("hostfn", operation.name)
    asked = {"operation": operation.name, "input": make(World(plugin)) or None}
    response = API(charlie).post("/api/v1/plugins/hostfn/call/invoke", asked)
    assert response.status_code == 200, response.content
    answer = json.loads(response.content)
    if answer["ok"]:
        assert answer.keys() == {"ok", "data"}
        return operation.status, answer["data"]
    return answer["error"]["status"], answer["error"]


def plain(value: Any) -> Any:
    """The answer without what differs between runs: IDs, times, tokens, versions, plugin names."""
    text = json.dumps(value, sort_keys=True)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<uuid>", text)
    text = re.sub(r"\b[0-9a-f]{32}@", "<someone>@", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)", "<time>", text)
    text = re.sub(r"hb[a-z]_[\w-]{40,}", "<token>", text)
    return json.loads(re.sub(r"\b\d{16}\b", "0", text))


@pytest.mark.parametrize(
    ("name", "status", "make"),
    [(name, status, make) for name, _, status, make in CASES],
    ids=[f"{name}: {case}" for name, case, _, _ in CASES],
)
def test_three_transports_answer_alike(
    install: Install, charlie: User, name: str, status: int, make: Callable[[World], Fields]
) -> None:
    operation = OPERATIONS[name]
    answers = [
        (seen, plain(body))
        for seen, body in (
            by_guest_http(install, charlie, operation, make),
            by_real_http(install, charlie, operation, make),
            by_host_function(install, charlie, operation, make),
        )
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == status, answers[0]
    audited = list(host_calls().values_list("operation", "status"))
    if answers[0][1] and answers[0][1].get("detail") == "The host API has no such operation.":
        # Over real HTTP an unknown address reaches no view, so its caller is unknown and it is not audited.
        assert audited == [("", 404)] * 2
    else:
        assert audited == [(name, status)] * 3
    if name == "send_email" and status == 202:
        assert len(mail.outbox) == 3


def test_every_operation_has_a_successful_case() -> None:
    assert {name for name, _, status, _ in CASES if status < 300} == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_ungranted_operation_is_refused_alike(install: Install, charlie: User, operation: Operation) -> None:
    make = next(make for name, _, status, make in CASES if name == operation.name and status < 300)
    other = "kv_get" if operation.name != "kv_get" else "kv_set"
    answers = []
    install("hostcall", other)
    url, body = as_http(operation, make(World(install("hostcall", other))))
    asked = {
        "method": operation.method,
        "url": f"http://hostbridge.invalid{url}",
        "headers": {},
        "body": body or None,
    }
    seen = json.loads(API(charlie).post("/api/v1/plugins/hostcall/call/fetch", asked).content)
    answers.append(json.loads(seen["body"]))
    plugin = install("hostfn", other)
    asked = {"operation": operation.name, "input": make(World(plugin)) or None}
    answers.append(
        json.loads(API(charlie).post("/api/v1/plugins/hostfn/call/invoke", asked).content)["error"]
    )
    _row, token = api_tokens.create_api_token(charlie, name="t", scopes=[other], expires_in_days=1)
    client = API()
    client.headers["Authorization"] = f"Bearer {token}"
    answers.append(client.request(operation.method, url, body.encode()).json())
    for problem in answers:
        assert (problem["status"], problem["operation"]) == (403, operation.name)
        assert problem["type"] == "urn:hostbridge:problem:operation-not-granted"
    assert list(host_calls().values_list("status", flat=True)) == [403, 403, 403]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("DELETE", "users", 405), ("PUT", "sessions/lookup", 405), ("GET", "x/y", 404)],
)
def test_wrong_methods_and_unknown_paths_are_refused_alike(
    install: Install, charlie: User, method: str, path: str, status: int
) -> None:
    install("hostcall", *OPERATIONS)
    asked = {
        "method": method,
        "url": f"http://hostbridge.invalid/host/v1/{path}",
        "headers": {},
        "body": None,
    }
    seen = json.loads(API(charlie).post("/api/v1/plugins/hostcall/call/fetch", asked).content)
    assert seen["status"] == status
    client = API()
    _row, token = api_tokens.create_api_token(charlie, name="t", scopes=list(OPERATIONS), expires_in_days=1)
    client.headers["Authorization"] = f"Bearer {token}"
    response = client.request(method, f"/host/v1/{path}")
    assert response.status_code == status
    assert response.json() == json.loads(seen["body"])


@pytest.mark.parametrize("given", ["[]", '"text"', "7"])
def test_host_function_takes_only_an_object(install: Install, charlie: User, given: str) -> None:
    install("hostfn", "db_get_user_by_email")
    asked = {"operation": "db_get_user_by_email", "input": json.loads(given)}
    answer = json.loads(API(charlie).post("/api/v1/plugins/hostfn/call/invoke", asked).content)
    assert answer["ok"] is False
    assert answer["error"]["type"] == "urn:hostbridge:problem:invalid-input"
