"""/api/v1/executions: users see their own executions, administrators all."""

import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from plugins.models import Plugin
from tests.conftest import API, assert_problem, history

GREET = "/api/v1/plugins/template/call/greet"


@pytest.fixture
def call(bundled: dict[str, Plugin], alice: User) -> str:
    """The ID of the execution of Alice's call of greet."""
    return str(API(alice).post(GREET, {"name": "Ada"})["Execution-Id"])


def test_users_see_their_own_executions_and_staff_see_all(
    call: str, alice: User, bob: User, charlie: User
) -> None:
    for user, expected in ((alice, [call]), (bob, []), (charlie, [call])):
        body = API(user).get("/api/v1/executions").json()
        assert [execution["id"] for execution in body["results"]] == expected


def test_execution_shows_user_function_and_timing(call: str, alice: User) -> None:
    body = API(alice).get(f"/api/v1/executions/{call}").json()
    assert body["state"] == "succeeded"
    assert body["user"] == {"id": str(alice.pk), "name": "Alice", "email": "alice@example.com"}
    assert body["timing"].keys() == {"queue_ms", "start_ms", "run_ms", "host_ms"}
    assert body["host_calls"] == []


def test_other_users_execution_is_not_found(call: str, bob: User) -> None:
    assert_problem(API(bob).get(f"/api/v1/executions/{call}"), 404, "not-found")
    assert_problem(API(bob).get(f"/api/v1/executions/{uuid.uuid4()}"), 404, "not-found")
    assert_problem(API(bob).get("/api/v1/executions/nonsense"), 404, "not-found")


def test_staff_see_host_calls_of_a_sign_up(bundled: dict[str, Plugin], charlie: User) -> None:
    body = {"email": "dora@example.com", "name": "Dora", "password": "a long walk at dusk"}
    API().post("/api/v1/auth/signup", body)
    execution = history().get()
    shown = API(charlie).get(f"/api/v1/executions/{execution.pk}").json()
    assert [call["operation"] for call in shown["host_calls"]] == ["db_create_user"]
    assert shown["user"] is None


def test_list_can_be_filtered_and_paged(bundled: dict[str, Plugin], alice: User) -> None:
    client = API(alice)
    for name in ("a", "b", ""):
        client.post(GREET, {"name": name})
    everything = client.get("/api/v1/executions").json()["results"]
    assert [execution["state"] for execution in everything] == ["failed", "succeeded", "succeeded"]
    failed = client.get("/api/v1/executions?state=failed&plugin=template&function=greet").json()["results"]
    assert [execution["id"] for execution in failed] == [everything[0]["id"]]
    assert failed[0]["problem"]["status"] == 400
    first = client.get("/api/v1/executions?page_size=2").json()
    second = client.get(first["next"]).json()
    ids = [execution["id"] for execution in first["results"] + second["results"]]
    assert ids == [execution["id"] for execution in everything]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query",
    ["state=perhaps", "cursor=nonsense", f"cursor={b64encode(b'p=nonsense').decode()}", "plugin=" + "x" * 65],
)
def test_invalid_filter_is_refused(bundled: dict[str, Plugin], alice: User, query: str) -> None:
    response = API(alice).get(f"/api/v1/executions?{query}")
    assert response.status_code in {400, 404}
    assert response["Content-Type"] == "application/problem+json"


def test_execution_keeps_input_and_output(call: str, alice: User) -> None:
    body = API(alice).get(f"/api/v1/executions/{call}").json()
    assert body["input"] == {"encoding": "text", "content": '{"name": "Ada"}'}
    assert body["output"] == {"encoding": "text", "content": '{"message":"Hello, Ada!"}'}


def test_binary_output_is_kept(install: Callable[..., Plugin], alice: User) -> None:
    install("faults")
    response = API(alice).post("/api/v1/plugins/faults/call/echo", b"\xff\x00")
    body = API(alice).get(f"/api/v1/executions/{response['Execution-Id']}").json()
    assert body["output"] == {"encoding": "base64", "content": "/wA="}


def test_text_that_databases_refuse_is_kept_as_far_as_possible(
    install: Callable[..., Plugin], alice: User
) -> None:
    """If the database refused it, the whole batch of records would be lost."""
    install("odd_words")
    problem = {"status": 409, "code": "odd", "title": "a\0b", "detail": "half a pair: \ud800", "errors": []}
    client = API(alice)
    response = client.post("/api/v1/plugins/odd-words/call/run", {"problem": problem})
    assert response.status_code == 409
    body = client.get(f"/api/v1/executions/{response['Execution-Id']}").json()
    assert (body["problem"]["title"], body["problem"]["detail"]) == ("a\ufffdb", "half a pair: \ufffd")
    assert body["logs"] == [{"level": "info", "text": "a\ufffd word!"}]


def test_log_lines_of_sensitive_functions_are_not_kept(install: Callable[..., Plugin], alice: User) -> None:
    release = install("odd_words").active
    release.manifest_data["functions"][0]["sensitive"] = True
    release.save()
    client = API(alice)
    response = client.post("/api/v1/plugins/odd-words/call/run", {})
    body = client.get(f"/api/v1/executions/{response['Execution-Id']}").json()
    assert (body["state"], body["logs"]) == ("failed", [])


def test_oversized_or_sensitive_data_is_not_kept(
    bundled: dict[str, Plugin], alice: User, charlie: User, settings: Any
) -> None:
    settings.EXECUTION_KEEP_BYTES = 10
    API(alice).post(GREET, {"name": "Ada"})
    API().post("/api/v1/auth/login", {"email": "nobody@example.com", "password": "x"})
    client = API(charlie)
    for execution in client.get("/api/v1/executions").json()["results"]:
        body = client.get(f"/api/v1/executions/{execution['id']}").json()
        assert (body["input"], body["output"] if body["output_bytes"] > 10 else None) == (None, None)
        assert_problem(client.post(f"/api/v1/executions/{execution['id']}/replay"), 409, "input-not-kept")


def test_execution_can_be_replayed(call: str, alice: User, bob: User) -> None:
    again = API(alice).post(f"/api/v1/executions/{call}/replay")
    assert again.json() == {"message": "Hello, Ada!"}
    assert again["Execution-Id"] != call
    assert_problem(API(bob).post(f"/api/v1/executions/{call}/replay"), 404, "not-found")


def test_finished_execution_cannot_be_cancelled(call: str, alice: User, bob: User) -> None:
    assert_problem(API(alice).post(f"/api/v1/executions/{call}/cancel"), 409, "run-ended")
    assert_problem(API(bob).post(f"/api/v1/executions/{call}/cancel"), 404, "not-found")


def ended(client: API, execution: str) -> dict[str, Any]:
    """The execution, once it has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        body: dict[str, Any] = client.get(f"/api/v1/executions/{execution}").json()
        if body["finished_at"]:
            return body
        time.sleep(0.05)
    raise AssertionError(f"{execution} does not end: {body}")


def test_asynchronous_call_can_be_looked_up(bundled: dict[str, Plugin], alice: User) -> None:
    client = API(alice)
    response = client.post(GREET, {"name": "Ada"}, headers={"Prefer": "respond-async"})
    assert response.status_code == 202
    assert response["Location"] == f"/api/v1/executions/{response['Execution-Id']}"
    body = ended(client, response["Execution-Id"])
    assert body["state"] == "succeeded"
    assert body["output"]["content"] == '{"message":"Hello, Ada!"}'


def test_running_call_can_be_cancelled(install: Callable[..., Plugin], alice: User) -> None:
    install("faults")
    client = API(alice)
    response = client.post("/api/v1/plugins/faults/call/sleep_forever", headers={"Prefer": "respond-async"})
    execution = response["Execution-Id"]
    assert client.post(f"/api/v1/executions/{execution}/cancel").status_code == 204
    body = ended(client, execution)
    assert body["state"] == "cancelled"
    assert body["problem"]["type"].endswith(":plugin-cancelled")


def test_forbidden_asynchronous_call_is_refused_at_once(
    bundled: dict[str, Plugin],
) -> None:
    response = API().post(GREET, {"name": "Ada"}, headers={"Prefer": "respond-async"})
    assert_problem(response, 401, "not-authenticated")
    assert not history().exists()
