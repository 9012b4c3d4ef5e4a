"""Serializer fields and helpers that every REST API here uses."""

from typing import Any

from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from core.problems import CONTENT_TYPE


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


def checked(shape: Any, request: Request) -> dict[str, Any]:
    """The body in this shape. Raises InvalidInput, through REST framework."""
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    data: dict[str, Any] = form.validated_data
    return data


MAX_UNKNOWN_REPORTED = 20


class TextField(serializers.CharField):
    """JSON text only: REST framework's own takes numbers for text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be text.")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """true or false, not what could be read as one of them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("This must be true or false.")
        return data


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer, not text that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("This must be a whole number.")
        return super().to_internal_value(data)


class BoundedListField(serializers.ListField):
    """A list of at most `max_length`: REST framework's own first judges every item, which of a megabyte takes
    ten seconds.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, so that a misspelt one is told and not dropped."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            # Not all: the problem could be several times as long as the body, and take seconds.
            told = sorted(unknown)[:MAX_UNKNOWN_REPORTED]
            raise serializers.ValidationError({name: ["This field is not known here."] for name in told})
        return super().to_internal_value(data)


class FieldErrorSerializer(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # Not as an attribute: Serializer has a property of that name.
        return super().get_fields() | {"errors": FieldErrorSerializer(many=True, required=False)}


def problems(*statuses: int) -> dict[Any, Any]:
    """For OpenAPI: these statuses carry a problem."""
    return {(status, CONTENT_TYPE): ProblemSerializer for status in statuses}
