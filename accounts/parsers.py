"""JSON in and JSON out, strictly."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from django.conf import settings
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser

from accounts.problems import InvalidInput, MalformedJSON, PayloadTooLarge


class StrictJSONParser(BaseParser):
    """UTF-8 JSON of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes; no NaN, no duplicate keys, no lone surrogates.

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


class JSONOnlyNegotiation(BaseContentNegotiation):
    """These APIs speak only JSON, so Accept is not consulted (RFC 9110, 12.5.1 allows it)."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        kind = request.content_type.split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type in {kind, "*/*"}), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def parse_json(raw: bytes) -> Any:
    """The value in `raw`. Raises MalformedJSON with line and column, or InvalidInput for unusable text."""
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"The body is not UTF-8 (byte {error.start}).") from error
    except RecursionError as error:
        raise MalformedJSON("The body is nested too deeply.") from error
    except ValueError as error:
        raise MalformedJSON(f"{error}.") from error
    if b"\\u" in raw or b"\x00" in raw:
        _check_text(value, "")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("A key stands twice in one object")
    return value


def _check_text(value: Any, pointer: str) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise InvalidInput.at(pointer, "Text may hold neither NUL nor lone surrogates.")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_text(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, pointer)
            _check_text(item, f"{pointer}/{key}")
