"""REST framework parsers for strict JSON and for uploads."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser

from core.problems import MalformedMultipart, PayloadTooLarge, UnsupportedMediaType
from core.strict_json import parse_json


class StrictJSONParser(BaseParser):
    """UTF-8 JSON of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes, nested at most MAX_DEPTH levels deep.

    Rejects NaN, numbers beyond the range of a float, duplicate keys and lone surrogates. Rejects NUL as well:
    PostgreSQL cannot store it, and no field needs it.
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
    """multipart/form-data (RFC 7578), for views that accept files."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError as error:
            raise MalformedMultipart from error


class JSONOnlyNegotiation(BaseContentNegotiation):
    """Ignores Accept, because these APIs respond only with JSON. RFC 9110, 12.5.1 allows that."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        kind = request.content_type.split(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type in {kind, "*/*"}:
                return parser
        supported = " or ".join(parser.media_type for parser in parsers)
        raise UnsupportedMediaType(f"Send the body with the header Content-Type: {supported}.")

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
