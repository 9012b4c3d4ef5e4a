"""Finds mistakes in a `settings_schema` that would leave a plugin without any valid settings."""

import math
from typing import Any

from jsonschema.exceptions import best_match

from plugins.bundles.json_schema import describe, validator_of

Fault = tuple[list[object], str]


def fault_in(schema: dict[str, Any]) -> Fault | None:
    """The first mistake in a schema that plugin.schema.json allows: its path, and what is wrong."""
    settings = schema.get("properties", {})
    for index, name in enumerate(schema.get("required", [])):
        if name not in settings:
            return ["required", index], f"{name!r} is not in `properties`"
    for name, setting in settings.items():
        path: list[object] = ["properties", name]
        if reason := _impossible(setting):
            return path, f"no value can satisfy this: {reason}"
        if "default" in setting and (
            error := best_match(validator_of(setting).iter_errors(setting["default"]))
        ):
            return [*path, "default"], f"the default is not valid: {describe(error)}"
    return None


def _impossible(schema: dict[str, Any]) -> str:
    """Why no value can satisfy the schema of a setting or of its items, or an empty text."""
    kind = schema["type"]
    if "enum" in schema:
        validator = validator_of(schema)
        possible = [
            value for value in schema["enum"] if validator.is_valid(value) and not _unset(schema, value)
        ]
        return "" if possible else "no value of `enum` is valid"
    if kind == "string":
        least = max(schema.get("minLength", 0), 1 if schema.get("secret") else 0)
        return "`maxLength` is too small" if least > schema.get("maxLength", math.inf) else ""
    if kind in {"integer", "number"}:
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if kind == "integer" and "minimum" in schema and "maximum" in schema:
            low, high = math.ceil(low), math.floor(high)
        return "no number lies between `minimum` and `maximum`" if low > high else ""
    if kind == "array":
        if schema.get("minItems", 0) > schema.get("maxItems", math.inf):
            return "`minItems` exceeds `maxItems`"
        return _impossible(schema["items"]) if "items" in schema else ""
    return ""


def _unset(schema: dict[str, Any], value: object) -> bool:
    return bool(schema.get("secret")) and value == ""
