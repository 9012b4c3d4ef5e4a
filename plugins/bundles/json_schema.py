"""JSON Schema where an author who is not trusted wrote the schema, the value, or both.

Judging takes time in proportion to what is judged, and fetches nothing. The library alone promises neither:
it compares the items of an array pair by pair (uniqueItems), compiles any pattern as a format, and loads what
a `$ref` to another address names.
"""

from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource

Validator = Draft202012Validator


def validator_of(schema: Any) -> Validator:
    """For a schema of our own, or one that passed plugin.schema.json's rules for settings."""
    return Draft202012Validator(_as_judged(schema), registry=_specifications())


@lru_cache(maxsize=1)
def meta_validator() -> Validator:
    """Judges schemas, not values. Formats, patterns among them, are left unread."""
    return validator_of(Draft202012Validator.META_SCHEMA)


@lru_cache(maxsize=1)
def _specifications() -> Registry[Any]:
    """The standard's own schemas, and no way to any other."""
    return Registry().with_resources(
        (uri, Resource.from_contents(_as_judged(REGISTRY[uri].contents))) for uri in REGISTRY
    )


def _as_judged(schema: Any) -> Any:
    """Without uniqueItems, and with patterns whose `$` is the end of the text: Python would take a line break
    after it.
    """
    if isinstance(schema, dict):
        return {name: _part(name, part) for name, part in schema.items() if name != "uniqueItems"}
    return [_as_judged(part) for part in schema] if isinstance(schema, list) else schema


def _part(name: str, part: Any) -> Any:
    if name == "pattern" and isinstance(part, str) and part.endswith("$"):
        return part[:-1] + r"\Z"
    return _as_judged(part)
