"""JSON in and JSON out, strictly; files as multipart/form-data, where a view says so."""

import json
import math
import re
from collections.abc import Mapping
from functools import reduce
from typing import Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser

from accounts.problems import (
    InvalidInput,
    MalformedJSON,
    MalformedMultipart,
    PayloadTooLarge,
    UnsupportedMediaType,
    pointer_to,
)

# Far beyond any sensible value, and well within what every later reader and writer of it can recurse.
MAX_DEPTH = 64
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(BaseParser):
    """UTF-8 JSON of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes and MAX_DEPTH levels.

    No NaN, no numbers beyond a float, no duplicate keys, no lone surrogates.

    NUL is refused as well: PostgreSQL cannot store it, and no field here means anything by it.
    """

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise PayloadTooLarge(f"A JSON body may have at most {limit} bytes.")
        return parse_json(raw)


class UploadParser(MultiPartParser):
    """multipart/form-data (RFC 7578), for views that take files."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError as error:
            raise MalformedMultipart from error


class JSONOnlyNegotiation(BaseContentNegotiation):
    """These APIs answer only in JSON, so Accept is not consulted (RFC 9110, 12.5.1 allows it)."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        kind = request.content_type.split(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type in {kind, "*/*"}:
                return parser
        known = " or ".join(parser.media_type for parser in parsers)
        raise UnsupportedMediaType(f"Send it with the header Content-Type: {known}.")

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


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
