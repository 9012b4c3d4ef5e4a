"""plugin.json -> PluginManifest. Pure: no database, no files but the schema beside this module.

The manifest is written by somebody who is not trusted; after `parse_manifest` its shape can be.
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
from plugins.bundles.json_schema import meta_validator, validator_of
from plugins.egress.addresses import InvalidAddress, Rule

MAX_MANIFEST_BYTES = 256 << 10
# Of anything in it; the largest of ours has 354. Judging a schema takes a millisecond for each.
MAX_MANIFEST_VALUES = 2_000
JsonSchema = dict[str, Any] | bool


class InvalidManifest(InvalidInput):
    code = "invalid-manifest"
    title = "plugin.json is not a valid manifest"


class FunctionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one function asks for instead of its plugin's limit; None for the plugin's."""

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


# What is granted: a rule's address and its methods in alphabetical order, just as asked.
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
    """What calls ask for. `fuel`: instructions, 0 for any number; `concurrency`: workers, 0 for its share."""

    timeout_ms: int = 2000
    memory_mb: int = 64
    fuel: int = 0
    max_input_kb: int = 10_240
    max_output_kb: int = 1024
    max_host_calls: int = 1000
    max_bridge_kb: int = 16_384
    concurrency: int = 0

    def for_function(self, function: Function) -> "Limits":
        own = msgspec.structs.asdict(function.limits)
        return msgspec.structs.replace(
            self, **{name: limit for name, limit in own.items() if limit is not None}
        )


class Wasm(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    sha256: str


class PluginManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin says of itself; immutable, like the release it belongs to."""

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
    """The manifest in `raw`, which may ask only for names in `operations`.

    Raises InvalidManifest: what is wrong, where (JSON pointer) and what would be right.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise InvalidManifest(f"plugin.json may have at most {MAX_MANIFEST_BYTES} bytes.")
    try:
        data = parse_json(raw)
    except Problem as problem:
        raise InvalidManifest(f"plugin.json: {problem.detail}", errors=problem.errors) from problem
    if _count(data) > MAX_MANIFEST_VALUES:
        raise InvalidManifest(
            f"plugin.json may hold at most {MAX_MANIFEST_VALUES} values, in its schemas too."
        )
    if error := best_match(_validator().iter_errors(data)):
        raise _at(list(error.absolute_path), error.message)
    _check_names(data, operations)
    for index, function in enumerate(data["functions"]):
        for key in ("input_schema", "output_schema"):
            _check_schema(function.get(key, True), ["functions", index, key])
    return load_manifest(data)


def load_manifest(data: dict[str, Any]) -> PluginManifest:
    """A manifest that passed `parse_manifest` before it was stored."""
    return msgspec.convert(data, PluginManifest)


def _count(value: Any) -> int:
    """How many values there are, lists and objects included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_count, inner))


def _check_names(data: dict[str, Any], operations: frozenset[str]) -> None:
    names: set[str] = set()
    for index, function in enumerate(data["functions"]):
        if function["name"] in names:
            raise _at(["functions", index, "name"], f"{function['name']!r} stands twice")
        names.add(function["name"])
        _check_no_repetition(function.get("targets", []), ["functions", index, "targets"])
    asked: set[str] = set()
    for index, permission in enumerate(data.get("permissions", [])):
        operation = permission["operation"]
        where = ["permissions", index, "operation"]
        if operation not in operations:
            raise _at(where, f"{operation!r} is not an operation of the host API")
        if operation in asked:
            raise _at(where, f"{operation!r} stands twice")
        asked.add(operation)
    _check_network(data.get("network", []))


def _check_network(rules: list[dict[str, Any]]) -> None:
    asked: set[NetworkKey] = set()
    for index, rule in enumerate(rules):
        where = ["network", index, "url"]
        _check_no_repetition(rule.get("methods", []), ["network", index, "methods"])
        try:
            Rule.parse(rule["url"], ())
        except InvalidAddress as error:
            raise _at(where, str(error)) from error
        key = msgspec.convert(rule, NetworkRule).key
        if key in asked:
            raise _at(where, "is asked for twice, with the same methods")
        asked.add(key)


def _check_no_repetition(names: list[str], path: Sequence[object]) -> None:
    if len(set(names)) != len(names):
        raise _at(path, "names something twice")


def _check_schema(schema: Any, path: Sequence[object]) -> None:
    """It is for forms and readers; this server never judges a value by it."""
    try:
        error = best_match(meta_validator().iter_errors(schema))
    except RecursionError as too_deep:
        raise _at(path, "is nested too deeply") from too_deep
    if error is not None:
        raise _at([*path, *error.absolute_path], error.message)


def _at(path: Sequence[object], message: str) -> InvalidManifest:
    pointer = "".join(f"/{step}" for step in path)
    short = message if len(message) <= 300 else message[:300] + "…"
    return InvalidManifest.at(pointer, f"plugin.json{pointer and ' at '}{pointer}: {short}")


@lru_cache(maxsize=1)
def _validator() -> Any:
    return validator_of(json.loads(Path(__file__).with_name("plugin.schema.json").read_text()))
