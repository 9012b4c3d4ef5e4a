"""/api/v1/executions: the record of what ran, for those whom it concerns."""

import uuid

import pytest

from accounts.models import User
from plugins.models import Execution, Plugin
from tests.conftest import API, assert_problem

GREET = "/api/v1/plugins/template/call/greet"


@pytest.fixture
def call(bundled: dict[str, Plugin], alice: User) -> str:
    """Alice's call of greet; the id of its execution."""
    return str(API(alice).post(GREET, {"name": "Ada"})["Execution-Id"])


def test_people_see_their_own_and_staff_see_all(call: str, alice: User, bob: User, charlie: User) -> None:
    for user, expected in ((alice, [call]), (bob, []), (charlie, [call])):
        body = API(user).get("/api/v1/executions").json()
        assert [execution["id"] for execution in body["results"]] == expected


def test_an_execution_tells_who_what_and_how_long(call: str, alice: User) -> None:
    body = API(alice).get(f"/api/v1/executions/{call}").json()
    assert body["state"] == "succeeded"
    assert body["user"] == {"id": str(alice.pk), "name": "Alice", "email": "alice@example.com"}
    assert body["timing"].keys() == {"queue_ms", "start_ms", "run_ms", "host_ms"}
    assert body["host_calls"] == []
    assert "Ada" not in str(body)


def test_somebody_elses_execution_is_not_found(call: str, bob: User) -> None:
    assert_problem(API(bob).get(f"/api/v1/executions/{call}"), 404, "not-found")
    assert_problem(API(bob).get(f"/api/v1/executions/{uuid.uuid4()}"), 404, "not-found")
    assert_problem(API(bob).get("/api/v1/executions/nonsense"), 404, "not-found")


def test_staff_see_the_host_calls_of_a_sign_up(bundled: dict[str, Plugin], charlie: User) -> None:
    body = {"email": "dora@example.com", "name": "Dora", "password": "a long walk at dusk"}
    API().post("/api/v1/auth/signup", body)
    execution = Execution.objects.get()
    shown = API(charlie).get(f"/api/v1/executions/{execution.pk}").json()
    assert [call["operation"] for call in shown["host_calls"]] == ["db_create_user"]
    assert shown["user"] is None


def test_the_list_filters_and_pages(bundled: dict[str, Plugin], alice: User) -> None:
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


@pytest.mark.parametrize("query", ["state=perhaps", "cursor=nonsense", "plugin=" + "x" * 65])
def test_a_wrong_filter_is_told(bundled: dict[str, Plugin], alice: User, query: str) -> None:
    response = API(alice).get(f"/api/v1/executions?{query}")
    assert response.status_code in {400, 404}
    assert response["Content-Type"] == "application/problem+json"
