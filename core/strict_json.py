"""Strict JSON: what every endpoint accepts, and what the database can store."""

import json
import math
import re
from functools import reduce
from typing import Any, NoReturn

from core.problems import InvalidInput, MalformedJSON, pointer_to

# Deeper than any sensible value, yet shallow enough for everything that later reads or writes it recursively.
MAX_DEPTH = 64
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


def parse_json(raw: bytes) -> Any:
    """The value of the JSON in `raw`.

    Raises MalformedJSON, where possible with line and column, or InvalidInput for text that cannot be stored.
    """
    try:
        value = json.loads(
            raw.decode(), parse_constant=_refuse, parse_float=_float, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"The body is not UTF-8 (byte {error.start}).") from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        reason = "A number has too many digits" if "integer string conversion" in str(error) else error
        raise MalformedJSON(f"{reason}.") from error
    # NUL and lone surrogates can only be written as escapes, and every level of nesting takes a bracket.
    if b"\\u" in raw or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check(value, [])
    return value


def storable(value: Any) -> Any:
    """A copy for a JSON column, with U+FFFD in place of characters that PostgreSQL cannot store."""
    match value:
        case str():
            return _UNUSABLE.sub("\ufffd", value)
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
    return value


def _too_deep() -> MalformedJSON:
    return MalformedJSON(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        # Python reads it as infinity, which cannot be written as JSON again.
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("An object has the same key twice")
    return value


def _check(value: Any, path: list[object]) -> None:
    if isinstance(value, str):
        if _UNUSABLE.search(value):
            pointer = reduce(pointer_to, path, "")
            raise InvalidInput.at(pointer, "Text may not contain NUL or lone surrogates.")
    elif isinstance(value, list | dict):
        if len(path) == MAX_DEPTH:
            raise _too_deep()
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _check(key, path)
            path.append(key)
            _check(item, path)
            path.pop()
