"""plugin.json: what is accepted, and how errors are reported."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.operations import OPERATIONS, PERMISSIONS
from plugins.bundles.manifest import InvalidManifest, PluginManifest, parse_manifest
from tests.conftest import ROOT

KNOWN = frozenset(PERMISSIONS)
SMALLEST: dict[str, Any] = {
    "manifest_version": 1,
    "name": "small",
    "title": "Small",
    "version": "1.0.0",
    "description": "As small as can be.",
    "license": "MIT",
    "wasm": {"path": "small.wasm", "sha256": "0" * 64},
    "functions": [{"name": "run", "title": "Run"}],
}


def parse(data: Any) -> PluginManifest:
    return parse_manifest(json.dumps(data).encode(), operations=KNOWN)


def test_defaults_are_strict() -> None:
    manifest = parse(SMALLEST)
    assert manifest.permissions == ()
    assert manifest.network == ()
    assert manifest.functions[0].access == "user"
    assert manifest.functions[0].targets == ("server",)
    assert manifest.limits.timeout_ms == 2000


@pytest.mark.parametrize(
    "path", sorted((ROOT / "wasm-plugins").glob("**/plugin.json")), ids=lambda p: p.parent.name
)
def test_every_manifest_in_the_repository_is_valid(path: Path) -> None:
    parse_manifest(path.read_bytes(), operations=KNOWN)


def test_every_operation_can_be_requested() -> None:
    requested = [{"operation": name, "reason": "because"} for name in PERMISSIONS]
    assert {p.operation for p in parse(SMALLEST | {"permissions": requested}).permissions} == set(PERMISSIONS)
    assert set(OPERATIONS) < set(PERMISSIONS)


FUNCTION = {"name": "run", "title": "Run"}
RULE = {"url": "https://a.example/", "reason": "x"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"manifest_version": 2}, "/manifest_version"),
        ({"name": "Not A Slug"}, "/name"),
        ({"name": "a--b"}, "/name"),
        ({"name": "../etc"}, "/name"),
        ({"name": "auth\n"}, "/name"),
        ({"version": "1"}, "/version"),
        ({"version": "1.0.0\n"}, "/version"),
        ({"version": "01.0.0"}, "/version"),
        ({"title": ""}, "/title"),
        ({"surprise": 1}, ""),
        ({"wasm": {"path": "../x.wasm", "sha256": "0" * 64}}, "/wasm/path"),
        ({"wasm": {"path": "/x.wasm", "sha256": "0" * 64}}, "/wasm/path"),
        ({"wasm": {"path": "x.wasm", "sha256": "F" * 64}}, "/wasm/sha256"),
        ({"wasm": {"path": "x.wasm\n", "sha256": "0" * 64}}, "/wasm/path"),
        ({"functions": []}, "/functions"),
        ({"functions": [FUNCTION, FUNCTION]}, "/functions/1/name"),
        ({"functions": [FUNCTION | {"name": "_initialize"}]}, "/functions/0/name"),
        ({"functions": [FUNCTION | {"name": "run\n"}]}, "/functions/0/name"),
        ({"functions": [FUNCTION | {"access": "root"}]}, "/functions/0/access"),
        ({"functions": [FUNCTION | {"targets": []}]}, "/functions/0/targets"),
        (
            {"functions": [FUNCTION | {"input_schema": {"type": "nonsense"}}]},
            "/functions/0/input_schema/type",
        ),
        ({"permissions": [{"operation": "db_create_user"}]}, "/permissions/0"),
        ({"permissions": [{"operation": "rm_rf", "reason": "x"}]}, "/permissions/0/operation"),
        ({"permissions": [{"operation": "verify_password", "reason": "x"}] * 2}, "/permissions/1/operation"),
        ({"permissions": [{"operation": "verify_password", "reason": ""}]}, "/permissions/0/reason"),
        ({"functions": [FUNCTION | {"targets": ["server", "server"]}]}, "/functions/0/targets"),
        ({"network": [{"url": "file:///etc", "reason": "x"}]}, "/network/0/url"),
        ({"network": [RULE | {"methods": ["GET", "GET"]}]}, "/network/0/methods"),
        ({"limits": {"timeout_ms": 0}}, "/limits/timeout_ms"),
        ({"limits": {"memory_mb": 10**9}}, "/limits/memory_mb"),
        ({"limits": {"timeout_ms": True}}, "/limits/timeout_ms"),
    ],
)
def test_error_points_at_the_invalid_member(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidManifest) as raised:
        parse(SMALLEST | change)
    assert raised.value.errors[0]["pointer"] == pointer
    assert raised.value.detail.startswith("plugin.json")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"null", b"[]", b"\xff", b'{"a":1,"a":1}', b"[" * 100_000, b" " * 300_000]
)
def test_data_that_is_not_a_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidManifest):
        parse_manifest(raw, operations=KNOWN)


@pytest.mark.parametrize(
    ("setting", "pointer"),
    [
        ({"$ref": "http://127.0.0.1/internal"}, ""),
        ({"type": "string", "$ref": "#/properties/it"}, ""),
        ({"type": "string", "pattern": "^(a|a)*$"}, ""),
        ({"allOf": [{}, {}]}, ""),
        ({"type": "object", "properties": {"password": {"type": "string", "secret": True}}}, ""),
        ({"type": "array", "uniqueItems": True}, ""),
        ({"type": "array", "items": {"$ref": "#"}}, "/items"),
        (True, ""),
    ],
)
def test_setting_schema_with_costly_keywords_is_refused(setting: Any, pointer: str) -> None:
    with pytest.raises(InvalidManifest) as raised:
        parse(SMALLEST | {"settings_schema": {"type": "object", "properties": {"it": setting}}})
    assert raised.value.errors[0]["pointer"] == f"/settings_schema/properties/it{pointer}"


MIXED = [item for number in range(10_000) for item in (number, str(number))]
SLOW_PATTERN = "(?i)" + "[\u0100-\uffff]" * 10_000


@pytest.mark.parametrize(
    "change",
    [
        {"functions": [FUNCTION | {"targets": MIXED}]},
        {"functions": [FUNCTION | {"input_schema": {"required": MIXED}}]},
        {"functions": [FUNCTION | {"output_schema": {"type": MIXED}}]},
        {"network": [RULE | {"methods": MIXED}]},
        {"functions": [FUNCTION | {"input_schema": {"allOf": [{}] * 60_000}}]},
        {"functions": [FUNCTION | {"input_schema": {"allOf": [1] * 60_000}}]},
        {"functions": [{}] * 60_000},
        {"settings_schema": {"properties": {f"a{number}": {} for number in range(15_000)}}},
    ],
)
def test_too_many_values_are_refused_before_validation(change: dict[str, Any]) -> None:
    """Validating them would take a minute, and several for lists whose items must be unique."""
    began = time.process_time()
    with pytest.raises(InvalidManifest, match="at most 2000 values"):
        parse(SMALLEST | change)
    assert time.process_time() - began < 2


def test_largest_allowed_manifest_is_validated_in_seconds() -> None:
    began = time.process_time()
    parse(SMALLEST | {"functions": [FUNCTION | {"input_schema": {"allOf": [{}] * 1_980}}]})
    with pytest.raises(InvalidManifest, match="not of type"):
        parse(SMALLEST | {"functions": [FUNCTION | {"input_schema": {"allOf": [1] * 1_980}}]})
    assert time.process_time() - began < 30


@pytest.mark.parametrize("name", ["targets", "required"])
def test_long_lists_are_not_compared_pairwise(name: str) -> None:
    """A pairwise comparison would dominate the time. The bound leaves room for slow machines."""
    items = MIXED[:1_900]
    change = {"targets": items} if name == "targets" else {"input_schema": {"required": items}}
    began = time.process_time()
    with pytest.raises(InvalidManifest):
        parse(SMALLEST | {"functions": [FUNCTION | change]})
    assert time.process_time() - began < 0.5


def test_patterns_in_function_schemas_are_not_compiled() -> None:
    began = time.monotonic()
    parse(SMALLEST | {"functions": [FUNCTION | {"input_schema": {"pattern": SLOW_PATTERN}}]})
    assert time.monotonic() - began < 20


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


# How quickly a busy machine generates input says nothing about manifests.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([*SMALLEST, "permissions", "network", "limits", "x"]), json_values, max_size=4
    )
)
def test_any_change_is_valid_or_a_manifest_error(change: dict[str, Any]) -> None:
    try:
        parse(SMALLEST | change)
    except InvalidManifest as problem:
        assert problem.detail


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_a_manifest_error(raw: bytes) -> None:
    with pytest.raises(InvalidManifest):
        parse_manifest(raw, operations=KNOWN)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"name": "My Plugin"}, "'My Plugin' may contain lowercase letters, digits and single hyphens"),
        ({"homepage": "http://x"}, "'http://x' must begin with https://"),
        ({"functions": [FUNCTION | {"name": "Greet"}]}, "'Greet' may contain lowercase letters, digits and"),
        (
            {"wasm": {"path": "../a.wasm", "sha256": "0" * 64}},
            "'../a.wasm' must be the name of a file beside",
        ),
        ({"wasm": {"path": "a.wasm", "sha256": "A" * 64}}, "must be 64 hexadecimal digits, in lower case"),
        ({"permissions": [{"operation": "Kv", "reason": "x"}]}, "'Kv' may contain lowercase letters"),
        ({"network": [{"url": "ftp://x/", "reason": "x"}]}, "'ftp://x/' must begin with https:// or http://"),
        ({"settings_schema": {"properties": {"1st": {"type": "string"}}}}, "'1st' may contain letters"),
        (
            {"functions": [FUNCTION | {"input_schema": {"$anchor": "a b"}}]},
            "'a b' is not in the required form",
        ),
        ({"description": "x" * 3000}, "is too long"),
    ],
)
def test_refusals_say_in_words_what_is_wrong(members: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidManifest) as refusal:
        parse(SMALLEST | members)
    assert words in refusal.value.detail
    assert not re.search(r"\^|\[0-9|a-z\]", refusal.value.detail)


NUMBERS_THAT_ARE_NOT_INTEGERS = [
    "1000.0",
    "1e3",
    "1E3",
    "-0.0",
    "1.5",
    "true",
    "null",
    '"1"',
    "NaN",
    "Infinity",
    "1e999",
]


@pytest.mark.parametrize("number", [*NUMBERS_THAT_ARE_NOT_INTEGERS, "9" * 400, "9" * 5000])
@pytest.mark.parametrize(
    "members",
    [
        '"limits": {"timeout_ms": N}',
        '"limits": {"fuel": N}',
        '"limits": {"concurrency": N}',
        '"manifest_version": N',
        '"functions": [{"name": "run", "title": "Run", "limits": {"max_output_kb": N}}]',
    ],
)
def test_only_integers_are_integers(members: str, number: str) -> None:
    raw = json.dumps({key: value for key, value in SMALLEST.items() if f'"{key}"' not in members})
    with pytest.raises(InvalidManifest) as refusal:
        parse_manifest(f"{raw[:-1]}, {members.replace(': N', f': {number}')}}}".encode(), operations=KNOWN)
    assert refusal.value.status == 400
    assert len(refusal.value.detail) < 300


@pytest.mark.parametrize("number", NUMBERS_THAT_ARE_NOT_INTEGERS)
def test_only_integers_are_lengths_in_schemas(number: str) -> None:
    for schema in (
        '"settings_schema": {"properties": {"a": {"type": "string", "minLength": N}}}',
        '"functions": [{"name": "run", "title": "Run", "input_schema": {"minItems": N}}]',
    ):
        raw = json.dumps({key: value for key, value in SMALLEST.items() if f'"{key}"' not in schema})
        with pytest.raises(InvalidManifest):
            parse_manifest(f"{raw[:-1]}, {schema.replace(': N', f': {number}')}}}".encode(), operations=KNOWN)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"type": "string", "default": 1}, "/a/default: the default is not valid"),
        ({"type": "string", "default": None}, "/a/default: the default is not valid"),
        ({"type": "integer", "default": 1.0}, "/a/default: the default is not valid"),
        ({"type": "string", "enum": ["x"], "default": "y"}, "/a/default: the default is not valid"),
        ({"type": "integer", "minimum": 2, "default": 1}, "/a/default: the default is not valid"),
        (
            {"type": "array", "items": {"type": "string"}, "default": [1]},
            "/a/default: the default is not valid",
        ),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "no number lies between"),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "no number lies between"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "no number lies between"),
        ({"type": "string", "minLength": 2, "maxLength": 1}, "`maxLength` is too small"),
        ({"type": "string", "secret": True, "maxLength": 0}, "`maxLength` is too small"),
        ({"type": "string", "enum": [1, 2]}, "no value of `enum` is valid"),
        ({"type": "integer", "enum": [1.0]}, "no value of `enum` is valid"),
        ({"type": "string", "secret": True, "enum": [""]}, "no value of `enum` is valid"),
        ({"type": "array", "minItems": 2, "maxItems": 1}, "`minItems` exceeds `maxItems`"),
        (
            {"type": "array", "items": {"type": "number", "minimum": 2, "maximum": 1}},
            "no number lies between",
        ),
    ],
)
def test_setting_that_no_value_satisfies_is_refused(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidManifest) as refusal:
        parse(SMALLEST | {"settings_schema": {"properties": {"a": setting}}})
    assert words in refusal.value.detail
    assert refusal.value.errors[0]["pointer"].startswith("/settings_schema/properties/a")


def test_required_setting_must_be_declared() -> None:
    with pytest.raises(InvalidManifest, match="'b' is not in `properties`"):
        parse(
            SMALLEST | {"settings_schema": {"properties": {"a": {"type": "string"}}, "required": ["a", "b"]}}
        )


@pytest.mark.parametrize(
    "setting",
    [
        {"type": "integer", "minimum": 1.5, "maximum": 2.5, "default": 2},
        {"type": "number", "minimum": 10**400},
        {"type": "string", "minLength": 1, "maxLength": 1},
        {"type": "string", "enum": [1, "x"]},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 1, "default": [1]},
        {"type": "boolean", "default": False},
    ],
)
def test_setting_that_a_value_satisfies_is_accepted(setting: dict[str, Any]) -> None:
    parse(SMALLEST | {"settings_schema": {"properties": {"a": setting}, "required": ["a"]}})
