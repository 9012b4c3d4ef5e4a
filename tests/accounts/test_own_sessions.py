"""/api/v1/sessions: the user's own sessions."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from accounts import sessions
from accounts.models import Session, User
from core.events import user_group
from tests.accounts.test_own_account import program
from tests.conftest import API, Listen, assert_problem

SESSIONS = "/api/v1/sessions"


def current_session_id(client: API) -> str:
    return next(row["id"] for row in client.get(SESSIONS).json()["results"] if row["current"])


def test_the_list_has_live_sessions_and_marks_the_current_one(alice: User, bob: User) -> None:
    API(bob)
    session, token = sessions.create_session(alice.pk, 60, user_agent="curl/8", ip_address="192.0.2.7")
    over, _ = sessions.create_session(alice.pk, 60)
    Session.objects.filter(pk=over.pk).update(expires_at=timezone.now())
    here = API(alice)
    rows = here.get(SESSIONS).json()["results"]
    assert [row["current"] for row in rows] == [True, False]  # latest first
    assert rows[1] == {
        "id": str(session.pk),
        "current": False,
        "created_at": session.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": session.expires_at.isoformat().replace("+00:00", "Z"),
        "user_agent": "curl/8",
        "ip_address": "192.0.2.7",
    }
    assert token not in here.get(SESSIONS).content.decode()


def test_the_list_is_paginated(alice: User) -> None:
    client = API(alice)
    API(alice), API(alice)
    first = client.get(f"{SESSIONS}?page_size=2").json()
    second = client.get(f"{SESSIONS}?page_size=2&page=2").json()
    assert (first["count"], len(first["results"]), len(second["results"])) == (3, 2, 1)
    assert_problem(client.get(f"{SESSIONS}?page=9"), 404, "not-found")


def test_ending_a_session_logs_it_out_and_publishes_an_event(alice: User, listen: Listen) -> None:
    here, there = API(alice), API(alice)
    ended = current_session_id(there)
    with listen(user_group(alice.pk)) as events:
        assert here.request("DELETE", f"{SESSIONS}/{ended}").status_code == 204
    assert [(event["type"], event["data"]["id"]) for event in events] == [("session.ended", ended)]
    assert_problem(there.get(SESSIONS), 401, "session-expired")
    assert len(here.get(SESSIONS).json()["results"]) == 1


def test_ending_the_current_session_deletes_the_cookie(alice: User) -> None:
    client = API(alice)
    response = client.request("DELETE", f"{SESSIONS}/{current_session_id(client)}")
    assert response.status_code == 204
    assert response.cookies["hostbridge_session"]["max-age"] == 0
    assert_problem(client.get(SESSIONS), 401, "session-expired")


def test_ending_all_other_sessions_keeps_the_current_one(alice: User, bob: User) -> None:
    here, there, bobs = API(alice), API(alice), API(bob)
    API(alice)
    assert here.request("DELETE", SESSIONS).json() == {"ended": 2}
    assert_problem(there.get(SESSIONS), 401, "session-expired")
    assert here.get(SESSIONS).status_code == bobs.get(SESSIONS).status_code == 200
    assert here.request("DELETE", SESSIONS).json() == {"ended": 0}


@pytest.mark.parametrize("whose", ["bobs", "unknown"])
def test_other_users_sessions_are_not_found(alice: User, bob: User, whose: str) -> None:
    bobs = API(bob)
    session_id: Any = current_session_id(bobs) if whose == "bobs" else uuid.uuid4()
    assert_problem(API(alice).request("DELETE", f"{SESSIONS}/{session_id}"), 404, "not-found")
    assert bobs.get(SESSIONS).status_code == 200


def test_an_api_token_cannot_list_or_end_sessions(alice: User) -> None:
    here, client = API(alice), program(alice)
    for method, path in [
        ("GET", SESSIONS),
        ("DELETE", SESSIONS),
        ("DELETE", f"{SESSIONS}/{current_session_id(here)}"),
    ]:
        assert_problem(client.request(method, path), 403, "forbidden")
    assert here.get(SESSIONS).status_code == 200


def test_requests_without_credentials_are_refused(db: None) -> None:
    for method, path in [("GET", SESSIONS), ("DELETE", SESSIONS), ("DELETE", f"{SESSIONS}/{uuid.uuid4()}")]:
        assert_problem(API().request(method, path), 401, "not-authenticated")


def test_other_methods_are_refused(alice: User) -> None:
    client = API(alice)
    assert_problem(client.post(SESSIONS, {}), 405, "method-not-allowed")
    assert_problem(client.get(f"{SESSIONS}/{uuid.uuid4()}"), 405, "method-not-allowed")
