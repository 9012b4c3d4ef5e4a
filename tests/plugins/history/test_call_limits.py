"""The limits of one call: exceeding one ends the call with a problem that names the limit."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from accounts.models import User
from plugins.bundles.manifest import FunctionLimits, Limits
from plugins.egress.url_rules import HOST_ORIGIN
from plugins.history.call_limits import limits_of
from plugins.models import Execution, HostCall, Plugin, Release
from tests.conftest import API, assert_problem, history

Install = Callable[..., Plugin]


@pytest.fixture
def hostcall(install: Install) -> Plugin:
    return install("hostcall", "kv_list", "kv_set")


def limit(plugin: Plugin, **limits: int) -> None:
    """Gives the active release these limits, as if its manifest had requested them."""
    release = plugin.active
    data = release.manifest_data
    data["limits"] = data.get("limits", {}) | limits
    Release(pk=release.pk, plugin=plugin, version=release.version, manifest_data=data, sha256=release.sha256,
            size_bytes=release.size_bytes, activated_at=release.activated_at).save()  # fmt: skip


def request(**values: Any) -> dict[str, Any]:
    return {"method": "GET", "url": f"{HOST_ORIGIN}/host/v1/kv", "headers": {}, "body": None} | values


def test_the_lower_of_manifest_and_settings_applies(hostcall: Plugin, settings: Any) -> None:
    manifest = hostcall.active.manifest
    function = manifest.functions[0]
    settings.PLUGIN_MAX_TIMEOUT_MS = 700
    settings.PLUGIN_MAX_FUEL = 5000
    settings.PLUGIN_MAX_HOST_CALLS = 3
    requested = msgspec.structs.replace(
        manifest, limits=Limits(timeout_ms=900, fuel=0, max_host_calls=2, max_input_kb=1)
    )
    found = limits_of(requested, function)
    assert (found.timeout_ms, found.fuel, found.max_host_calls, found.max_input_bytes) == (700, 5000, 2, 1024)


def test_a_function_may_have_its_own_limits(hostcall: Plugin) -> None:
    manifest = hostcall.active.manifest
    own = msgspec.structs.replace(manifest.functions[0], limits=FunctionLimits(timeout_ms=123))
    assert limits_of(manifest, own).timeout_ms == 123
    assert limits_of(manifest, manifest.functions[0]).timeout_ms == manifest.limits.timeout_ms


def test_input_over_the_plugins_limit_is_refused(install: Install, alice: User) -> None:
    plugin = install("faults")
    limit(plugin, max_input_kb=1)
    client = API(alice)
    assert client.post("/api/v1/plugins/faults/call/echo", b"x" * 1024).status_code == 200
    problem = assert_problem(
        client.post("/api/v1/plugins/faults/call/echo", b"x" * 1025), 413, "payload-too-large"
    )
    assert "1024" in problem["detail"]


def test_fuel_ends_an_endless_loop(install: Install, alice: User) -> None:
    plugin = install("faults")
    limit(plugin, fuel=2_000_000, timeout_ms=20_000)
    response = API(alice).post("/api/v1/plugins/faults/call/loop_forever")
    problem = assert_problem(response, 502, "plugin-out-of-fuel")
    assert "2000000" in problem["detail"]
    assert history().get(pk=response["Execution-Id"]).state == Execution.State.FAILED
    assert API(alice).post("/api/v1/plugins/faults/call/echo", b"still").content == b"still"


def test_host_calls_over_the_limit_end_the_execution(hostcall: Plugin, charlie: User) -> None:
    limit(hostcall, max_host_calls=2)
    client = API(charlie)
    assert client.post("/api/v1/plugins/hostcall/call/fetch_many", [request()] * 2).status_code == 200
    response = client.post("/api/v1/plugins/hostcall/call/fetch_many", [request()] * 3)
    problem = assert_problem(response, 502, "plugin-host-call-limit")
    assert "max_host_calls" in problem["detail"]
    execution = history().get(pk=response["Execution-Id"])
    assert execution.state == Execution.State.FAILED
    assert execution.host_calls.count() == 2, "the host call over the limit was performed"


def test_bridge_bytes_of_both_directions_share_one_limit(hostcall: Plugin, charlie: User) -> None:
    limit(hostcall, max_bridge_kb=1)
    client = API(charlie)
    assert client.post("/api/v1/plugins/hostcall/call/fetch", request()).status_code == 200
    response = client.post("/api/v1/plugins/hostcall/call/fetch", request(body="x" * 1500))
    problem = assert_problem(response, 502, "plugin-bridge-limit")
    assert "max_bridge_kb" in problem["detail"]


def test_urls_and_headers_count_as_bridge_bytes(hostcall: Plugin, charlie: User) -> None:
    limit(hostcall, max_bridge_kb=1)
    response = API(charlie).post(
        "/api/v1/plugins/hostcall/call/fetch", request(headers={"X-Filler": "x" * 1500})
    )
    assert_problem(response, 502, "plugin-bridge-limit")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "http://hostbridge.invalid/" + "x" * 9000}, "its url has more than 8192 characters"),
        ({"headers": {f"X-{number}": "" for number in range(200)}}, "it has more than 100 headers"),
        ({"headers": {"X-Filler": "x" * 9000}}, "its header x-filler is too long"),
        ({"method": "G" * 33}, "its method has more than 32 characters"),
    ],
)
def test_a_request_with_too_long_a_head_is_refused_and_the_guest_continues(
    hostcall: Plugin, charlie: User, values: dict[str, Any], reason: str
) -> None:
    response = API(charlie).post("/api/v1/plugins/hostcall/call/fetch", request(**values))
    assert response.status_code == 200
    reply = response.json()
    assert reply["status"] == 400
    assert reason in reply["body"].lower()
    assert not HostCall.objects.exists()


def test_memory_cannot_be_set_per_function() -> None:
    assert "memory_mb" not in FunctionLimits.__struct_fields__
