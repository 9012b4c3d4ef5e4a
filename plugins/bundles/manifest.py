"""Parses and validates `plugin.json` into a PluginManifest.

The author is untrusted; the shape of what `parse_manifest` returns can be trusted. This module uses no
database and reads no file except `plugin.schema.json` beside it.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from jsonschema.exceptions import best_match

from core.problems import InvalidInput, Problem
from core.strict_json import parse_json
from plugins.bundles.json_schema import describe, meta_validator, validator_of
from plugins.bundles.settings_schema import fault_in
from plugins.egress.url_rules import InvalidAddress, Rule

MANIFEST_NAME = "plugin.json"
MAX_MANIFEST_BYTES = 256 << 10
# Objects, lists and scalars together. Our largest manifest has 354. Validating a schema takes about a
# millisecond for each.
MAX_MANIFEST_VALUES = 2_000
JsonSchema = dict[str, Any] | bool


class InvalidManifest(InvalidInput):
    code = "invalid-manifest"
    title = "Invalid plugin.json"


class FunctionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one function that replace its plugin's; None keeps the plugin's limit."""

    timeout_ms: int | None = None
    max_input_kb: int | None = None
    max_output_kb: int | None = None
    max_host_calls: int | None = None
    max_bridge_kb: int | None = None


class Function(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    description: str = ""
    access: str = "user"
    targets: tuple[str, ...] = ("server",)
    sensitive: bool = False
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None
    limits: FunctionLimits = FunctionLimits()


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    operation: str
    reason: str
    optional: bool = False


# What an administrator grants: the URL of a rule as written, and its methods in alphabetical order.
NetworkKey = tuple[str, tuple[str, ...]]


class NetworkRule(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    reason: str
    methods: tuple[str, ...] = ("GET",)
    optional: bool = False

    @property
    def key(self) -> NetworkKey:
        return self.url, tuple(sorted(self.methods))


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of each call, except `concurrency`: the plugin's workers at a time, 0 for the default share.

    `fuel` counts instructions; 0 means no limit.
    """

    timeout_ms: int = 2000
    memory_mb: int = 64
    fuel: int = 0
    max_input_kb: int = 10_240
    max_output_kb: int = 1024
    max_host_calls: int = 1000
    max_bridge_kb: int = 16_384
    concurrency: int = 0

    def for_function(self, function: Function) -> "Limits":
        overrides = msgspec.structs.asdict(function.limits)
        return msgspec.structs.replace(
            self, **{name: limit for name, limit in overrides.items() if limit is not None}
        )


class Wasm(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    sha256: str


class PluginManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin declares about itself. Immutable, like the release it belongs to."""

    manifest_version: int
    name: str
    title: str
    version: str
    description: str
    license: str
    wasm: Wasm
    functions: tuple[Function, ...]
    homepage: str = ""
    permissions: tuple[Permission, ...] = ()
    network: tuple[NetworkRule, ...] = ()
    settings_schema: dict[str, Any] = {}
    limits: Limits = Limits()

    def function(self, name: str) -> Function | None:
        return next((function for function in self.functions if function.name == name), None)

    @property
    def secret_settings(self) -> frozenset[str]:
        properties = self.settings_schema.get("properties", {})
        return frozenset(name for name, schema in properties.items() if schema.get("secret"))


def parse_manifest(raw: bytes, *, operations: frozenset[str]) -> PluginManifest:
    """The manifest in `raw`, which may request only permissions named in `operations`.

    Raises InvalidManifest with what is wrong, where (a JSON pointer) and how to fix it.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise InvalidManifest(f"plugin.json may have at most {MAX_MANIFEST_BYTES} bytes.")
    try:
        data = parse_json(raw)
    except Problem as problem:
        raise InvalidManifest(f"plugin.json: {problem.detail}", errors=problem.errors) from problem
    if _count_values(data) > MAX_MANIFEST_VALUES:
        raise InvalidManifest(
            f"plugin.json may hold at most {MAX_MANIFEST_VALUES} values, including those in its schemas."
        )
    if error := best_match(_manifest_validator().iter_errors(data)):
        raise _invalid_at(list(error.absolute_path), describe(error))
    _check_names(data, operations)
    for index, function in enumerate(data["functions"]):
        for key in ("input_schema", "output_schema"):
            _check_schema(function.get(key, True), ["functions", index, key])
    if fault := fault_in(data.get("settings_schema", {})):
        raise _invalid_at(["settings_schema", *fault[0]], fault[1])
    try:
        return load_manifest(data)
    except msgspec.ValidationError as error:
        raise InvalidManifest(f"plugin.json: {error}.") from error


def load_manifest(data: dict[str, Any]) -> PluginManifest:
    """For a stored manifest, which passed `parse_manifest` before."""
    return msgspec.convert(data, PluginManifest)


def _count_values(value: Any) -> int:
    """Counts lists and objects as well as what they contain."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_count_values, children))


def _check_names(data: dict[str, Any], operations: frozenset[str]) -> None:
    names: set[str] = set()
    for index, function in enumerate(data["functions"]):
        if function["name"] in names:
            raise _invalid_at(["functions", index, "name"], f"{function['name']!r} is declared twice")
        names.add(function["name"])
        _check_unique(function.get("targets", []), ["functions", index, "targets"])
    requested: set[str] = set()
    for index, permission in enumerate(data.get("permissions", [])):
        operation = permission["operation"]
        path = ["permissions", index, "operation"]
        if operation not in operations:
            raise _invalid_at(path, f"{operation!r} is not an operation of the host API")
        if operation in requested:
            raise _invalid_at(path, f"{operation!r} is requested twice")
        requested.add(operation)
    _check_network(data.get("network", []))


def _check_network(rules: list[dict[str, Any]]) -> None:
    requested: set[NetworkKey] = set()
    for index, rule in enumerate(rules):
        path = ["network", index, "url"]
        _check_unique(rule.get("methods", []), ["network", index, "methods"])
        try:
            Rule.parse(rule["url"], ())
        except InvalidAddress as error:
            raise _invalid_at(path, str(error)) from error
        key = msgspec.convert(rule, NetworkRule).key
        if key in requested:
            raise _invalid_at(path, "this rule appears twice, with the same methods")
        requested.add(key)


def _check_unique(names: list[str], path: Sequence[object]) -> None:
    if len(set(names)) != len(names):
        raise _invalid_at(path, "contains a duplicate")


def _check_schema(schema: Any, path: Sequence[object]) -> None:
    """The schema only documents the function and draws its form: this server validates no value with it."""
    try:
        error = best_match(meta_validator().iter_errors(schema))
    except RecursionError as recursion:
        raise _invalid_at(path, "the schema is nested too deeply") from recursion
    if error is not None:
        raise _invalid_at([*path, *error.absolute_path], describe(error))


def _invalid_at(path: Sequence[object], message: str) -> InvalidManifest:
    pointer = "".join(f"/{step}" for step in path)
    short = message if len(message) <= 300 else message[:300] + "…"
    return InvalidManifest.at(pointer, f"plugin.json{pointer and ' at '}{pointer}: {short}")


@lru_cache(maxsize=1)
def _manifest_validator() -> Any:
    return validator_of(json.loads(Path(__file__).with_name("plugin.schema.json").read_text()))
