"""JSON Schema validation that is safe when an untrusted author wrote the schema, the value, or both.

Validation takes time proportional to its input and fetches nothing. The jsonschema library alone does not
guarantee that: it compares array items pairwise (`uniqueItems`), can compile any pattern to check the format
`regex`, and fetches the schemas that a `$ref` to another address names.
"""

from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource


def _is_integer(_: Any, value: Any) -> bool:
    """As msgspec and our API's fields have it. JSON Schema alone also takes 1000.0 and 1e3 for integers."""
    return isinstance(value, int) and not isinstance(value, bool)


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


def validator_of(schema: Any) -> Draft202012Validator:
    """For a schema of our own, or one that passed the rules for settings in plugin.schema.json."""
    validator: Draft202012Validator = _Validator(_hardened(schema), registry=_specifications())
    return validator


def describe(error: ValidationError) -> str:
    """What is wrong, in words: not with a regular expression, and with the value at most 80 characters long.

    A pattern is described by the member `patternErrorMessage` beside it, which editors show too.
    """
    written = repr(error.instance)
    shown = written if len(written) <= 80 else written[:80] + "…"
    if error.validator == "pattern":
        words = error.schema.get("patternErrorMessage") if isinstance(error.schema, dict) else None
        return f"{shown} {words or 'is not in the required form'}"
    if error.validator == "type" and error.validator_value == "integer" and isinstance(error.instance, float):
        return f"{shown} is not an integer: write it without a fraction and an exponent"
    message: str = error.message
    return shown + message.removeprefix(written) if message.startswith(written) else message


@lru_cache(maxsize=1)
def meta_validator() -> Draft202012Validator:
    """Validates schemas rather than values. Formats, and so patterns, are not checked."""
    return validator_of(Draft202012Validator.META_SCHEMA)


@lru_cache(maxsize=1)
def _specifications() -> Registry[Any]:
    """The standard's own schemas. No other schema can be referenced."""
    return Registry().with_resources(
        (uri, Resource.from_contents(_hardened(REGISTRY[uri].contents))) for uri in REGISTRY
    )


def _hardened(schema: Any) -> Any:
    """The schema without `uniqueItems`, and with patterns whose final `$` means the end of the text.

    Python's `$` also matches before a trailing line break.
    """
    if isinstance(schema, dict):
        return {
            name: _hardened_member(name, value) for name, value in schema.items() if name != "uniqueItems"
        }
    return [_hardened(item) for item in schema] if isinstance(schema, list) else schema


def _hardened_member(name: str, value: Any) -> Any:
    if name == "pattern" and isinstance(value, str) and value.endswith("$"):
        return value[:-1] + r"\Z"
    return _hardened(value)
