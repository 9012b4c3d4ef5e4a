"""The call endpoint bypasses Django. Its responses are as if they had passed through all of Django."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.test import RequestFactory

from accounts.authentication import COOKIE
from plugins.egress.loop_guard import own_pseudonym
from plugins.executions import call_endpoint
from tests.backing import wait_for
from tests.server import PASSWORD, Server, problem_code

GREET = "/api/v1/plugins/template/call/greet"


@pytest.fixture
def owner(server: Server) -> Iterator[httpx.Client]:
    with server.log_in("owner@example.com") as client:
        yield client


def test_responses_have_the_headers_that_the_middleware_adds(owner: httpx.Client) -> None:
    other = owner.get("/api/v1/executions")
    call = owner.post(GREET, json={"name": "Ada"})
    assert call.json() == {"message": "Hello, Ada!"}
    added = {
        "content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
        "cross-origin-opener-policy",
    }  # fmt: skip
    assert added <= set(other.headers)
    for name in added - {"content-security-policy"}:
        assert call.headers[name] == other.headers[name]
    policy, others = (found.headers["content-security-policy"].split("; ") for found in (call, other))
    assert sorted(policy) == sorted(others)


def test_other_requests_go_to_django(owner: httpx.Client) -> None:
    assert problem_code(owner.get(GREET)) == "method-not-allowed"
    assert problem_code(owner.post(f"{GREET}/more", content=b"")) == "not-found"
    assert problem_code(owner.post("/api/v1/plugins/nothing/call/greet", content=b"")) == "not-found"


def test_unknown_host_is_refused(owner: httpx.Client) -> None:
    response = owner.post(GREET, json={"name": "Ada"}, headers={"Host": "evil.example"})
    assert (response.status_code, problem_code(response)) == (400, "bad-request")


def test_chunked_body_arrives_whole(owner: httpx.Client) -> None:
    chunks = (piece for piece in (b'{"name"', b': "A', b'da"}'))
    assert owner.post(GREET, content=chunks).json() == {"message": "Hello, Ada!"}


def test_too_large_a_body_is_refused(owner: httpx.Client) -> None:
    response = owner.post(GREET, content=b"x" * ((16 << 20) + 1))
    assert (response.status_code, problem_code(response)) == (413, "payload-too-large")
    response = owner.post(GREET, content=(b"x" * (1 << 20) for _ in range(18)))
    assert response.status_code == 413


def test_cookie_needs_a_csrf_token(server: Server) -> None:
    with httpx.Client(base_url=server.url) as browser:
        browser.get("/")
        csrf = {"X-CSRFToken": browser.cookies["csrftoken"]}
        body = {"email": "owner@example.com", "password": PASSWORD}
        browser.post("/api/v1/auth/login", json=body, headers=csrf)
        assert COOKIE in browser.cookies
        assert problem_code(browser.post(GREET, json={"name": "Ada"})) == "csrf-failed"
        assert browser.post(GREET, json={"name": "Ada"}, headers=csrf).status_code == 200
        # An earlier header or a token in the body does not authorize another call.
        assert problem_code(browser.post(GREET, json={"name": "Ada"})) == "csrf-failed"
        form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert problem_code(browser.post(GREET, data=form)) == "csrf-failed"


def test_request_from_an_own_plugin_is_refused(rf: RequestFactory) -> None:
    request = rf.post(GREET, headers={"Via": f"1.1 {own_pseudonym()}, 1.1 proxy"})
    response = call_endpoint.respond(request, "template", "greet")
    assert (response.status_code, b"request-loop" in response.content) == (508, True)


@pytest.mark.parametrize("token", ["hbs_forged", "hbt_forged", "two words"])
def test_invalid_token_is_refused(server: Server, token: str) -> None:
    response = httpx.post(server.url + GREET, json={}, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


def test_ended_session_is_refused_at_the_next_call(server: Server) -> None:
    with server.log_in("owner@example.com") as client:
        assert client.post(GREET, json={"name": "Ada"}).status_code == 200
        client.post("/api/v1/auth/logout")
        assert problem_code(client.post(GREET, json={"name": "Ada"})) == "session-expired"


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[Server]:
    """Runs one call at a time and lets one wait."""
    server = Server.start(tmp_path / "data", PLUGIN_WORKERS="1", PLUGIN_QUEUE="1")
    try:
        server.make_owner()
        server.install_fixture("faults", timeout_ms=20_000)
        yield server
    finally:
        server.stop()


def test_response_is_503_at_once_when_the_queue_is_full(small_server: Server) -> None:
    with small_server.log_in("owner@example.com") as client:
        sleep = "/api/v1/plugins/faults/call/sleep_forever"
        sleeping = [client.post(sleep, headers={"Prefer": "respond-async"}) for _ in range(2)]
        assert [response.status_code for response in sleeping] == [202, 202]
        refused = client.post("/api/v1/plugins/faults/call/echo", content=b"x")
        assert (refused.status_code, problem_code(refused)) == (503, "overloaded")
        assert int(refused.headers["Retry-After"]) >= 1
        wait_for(lambda: states(client) == ["queued", "running"])
        for response in sleeping:
            client.post(f"{response.headers['Location']}/cancel")
        wait_for_an_answer(client)


def test_response_is_503_when_waiting_clients_fill_the_queue(small_server: Server) -> None:
    with small_server.log_in("owner@example.com") as client:
        sleepers = [
            threading.Thread(target=client.post, args=["/api/v1/plugins/faults/call/sleep_forever"])
            for _ in range(2)
        ]
        for sleeper in sleepers:
            sleeper.start()
        wait_for(lambda: len(states(client)) == 2)
        assert problem_code(client.post("/api/v1/plugins/faults/call/echo", content=b"x")) == "overloaded"
        for execution in client.get("/api/v1/executions").json()["results"]:
            client.post(f"/api/v1/executions/{execution['id']}/cancel")
        for sleeper in sleepers:
            sleeper.join()


def states(client: httpx.Client) -> list[str]:
    shown = client.get("/api/v1/executions?function=sleep_forever").json()["results"]
    return sorted(execution["state"] for execution in shown)


def wait_for_an_answer(client: httpx.Client) -> None:
    echo = "/api/v1/plugins/faults/call/echo"
    wait_for(lambda: client.post(echo, content=b"x").status_code == 200)
