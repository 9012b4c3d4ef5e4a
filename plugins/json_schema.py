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
    return Draft202012Validator(_without_unique_items(schema), registry=_specifications())


@lru_cache(maxsize=1)
def meta_validator() -> Validator:
    """Judges schemas, not values. Formats, patterns among them, are left unread."""
    return validator_of(Draft202012Validator.META_SCHEMA)


@lru_cache(maxsize=1)
def _specifications() -> Registry[Any]:
    """The standard's own schemas, and no way to any other."""
    return Registry().with_resources(
        (uri, Resource.from_contents(_without_unique_items(REGISTRY[uri].contents))) for uri in REGISTRY
    )


def _without_unique_items(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _without_unique_items(part) for name, part in schema.items() if name != "uniqueItems"}
    return [_without_unique_items(part) for part in schema] if isinstance(schema, list) else schema
