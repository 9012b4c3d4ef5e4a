"""JSON in and JSON out, strictly; files as multipart/form-data, where a view says so."""

import json
import math
import re
from functools import reduce
from typing import Any, NoReturn

from core.problems import (
    InvalidInput,
    MalformedJSON,
    pointer_to,
)

# Far beyond any sensible value, and well within what every later reader and writer of it can recurse.
MAX_DEPTH = 64
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


def parse_json(raw: bytes) -> Any:
    """The value in `raw`. Raises MalformedJSON with line and column, or InvalidInput for unusable text."""
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
        raise MalformedJSON(f"{error}.") from error
    # Only an escape can write NUL or half a surrogate pair, and every level needs its own bracket.
    if b"\\u" in raw or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check(value, [])
    return value


def storable(value: Any) -> Any:
    """Data for a JSON column, with U+FFFD for what PostgreSQL cannot store in text."""
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
        # Python would read it as infinity, which nothing can write as JSON again.
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("A key stands twice in one object")
    return value


def _check(value: Any, path: list[object]) -> None:
    if isinstance(value, str):
        if _UNUSABLE.search(value):
            pointer = reduce(pointer_to, path, "")
            raise InvalidInput.at(pointer, "Text may hold neither NUL nor lone surrogates.")
    elif isinstance(value, list | dict):
        if len(path) == MAX_DEPTH:
            raise _too_deep()
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _check(key, path)
            path.append(key)
            _check(item, path)
            path.pop()
