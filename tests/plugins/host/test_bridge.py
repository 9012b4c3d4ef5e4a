"""The bridge answers anything that a guest could send, and never raises."""

import json
import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.operations import OPERATIONS
from plugins.egress.url_rules import HOST_ORIGIN, MAX_URL_CHARS
from plugins.host import bridge
from plugins.host.caller import Caller
from plugins.runtime.protocol import HostFunction, HostReply, HostRequest
from tests.conftest import host_calls

pytestmark = pytest.mark.django_db
NOBODY = Caller(frozenset(), "nobody")
ORIGIN = HOST_ORIGIN
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

urls = st.one_of(
    st.text(max_size=200),
    st.builds("{}/host/v1/{}".format, st.just(ORIGIN), st.text(max_size=100)),
    st.builds("{}{}".format, st.just(ORIGIN), st.text(string.printable, max_size=60)),
)


def assert_refused(reply: HostReply) -> None:
    assert 400 <= reply.status < 500
    assert reply.headers == {"content-type": "application/problem+json"}
    assert json.loads(reply.body)["status"] == reply.status


@relaxed
@given(
    st.text(max_size=10), urls, st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=4),
    st.binary(max_size=500),
)  # fmt: skip
@example("GET", f"{ORIGIN}/host/v1/users/../../api/v1/plugins", {}, b"")
@example("GET", f"{ORIGIN}/host/v1/users\n", {}, b"")
@example("GET", f"{ORIGIN}\\@evil.example/host/v1/users", {}, b"")
@example("POST", f"{ORIGIN}/host/v1/users", {"Content-Type": "application/json"}, b"\xff")
def test_any_request_without_grants_is_refused(
    method: str, url: str, headers: dict[str, str], body: bytes
) -> None:
    assert_refused(bridge.handle(HostRequest(1, method, url, headers, body), NOBODY))


def test_query_with_too_many_fields_is_refused() -> None:
    caller = Caller(frozenset({"db_get_user_by_email"}), "somebody")
    url = f"{ORIGIN}/host/v1/users?{'a&' * 1500}"
    reply = bridge.handle(HostRequest(1, "GET", url, {}, b""), caller)
    assert_refused(reply)
    assert "too many" in json.loads(reply.body)["detail"]


def test_overlong_fields_are_invalid_input_not_unknown_operation() -> None:
    payload = json.dumps({"email": "a" * MAX_URL_CHARS}).encode()
    reply = bridge.handle(HostFunction(1, "db_get_user_by_email", payload), NOBODY)
    assert json.loads(reply.body)["error"]["type"] == "urn:hostbridge:problem:invalid-input"


@pytest.mark.parametrize("name", ["", "db_drop_everything", "x" * 100_000])
def test_unknown_host_function_is_not_found(name: str) -> None:
    """The name may come from a worker that was taken over, or from a module of an earlier version."""
    reply = bridge.handle(HostFunction(1, name, b"{}"), NOBODY)
    assert json.loads(reply.body)["error"]["type"] == "urn:hostbridge:problem:not-found"
    assert [call.operation for call in host_calls()] == [""]


@relaxed
@given(st.sampled_from(sorted(OPERATIONS)), st.binary(max_size=500))
def test_any_host_function_payload_gets_an_answer(name: str, payload: bytes) -> None:
    reply = bridge.handle(HostFunction(1, name, payload), NOBODY)
    answer = json.loads(reply.body)
    assert answer["ok"] is False
    assert answer["error"]["status"] == reply.status


@relaxed
@given(
    st.sampled_from(sorted(set(OPERATIONS) - {"db_delete_user"})),
    st.dictionaries(
        st.sampled_from(
            ["uuid", "id", "key", "email", "name", "token", "value", "title", "user_id", "limit"]
        ),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=50)
        | st.lists(st.integers(), max_size=2),
        max_size=4,
    ),
)
def test_any_fields_get_an_answer_other_than_server_error(name: str, fields: dict[str, object]) -> None:
    everything = Caller(frozenset(OPERATIONS), "nobody")
    try:
        payload = json.dumps(fields).encode()
    except UnicodeEncodeError:
        return
    assert bridge.handle(HostFunction(1, name, payload), everything).status < 500


@pytest.mark.parametrize("size", [bridge.MAX_URL_CHARS + 1, 1 << 20])
def test_overlong_address_is_refused(size: int) -> None:
    assert_refused(bridge.handle(HostRequest(1, "GET", f"{ORIGIN}/host/v1/" + "a" * size, {}, b""), NOBODY))
