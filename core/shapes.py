"""Serializers, serializer fields and helpers shared by all REST APIs."""

import math
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
    """The request's body, validated by this serializer class.

    Raises REST framework's ValidationError, which becomes InvalidInput.
    """
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


MAX_UNKNOWN_REPORTED = 20


class TextField(serializers.CharField):
    """A JSON string. REST framework's CharField also accepts numbers."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be text.")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """`true` or `false`. REST framework's BooleanField also accepts numbers and words."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("This must be true or false.")
        return data


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer. REST framework's IntegerField also accepts strings."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("This must be a whole number.")
        return super().to_internal_value(data)


class StrictNumberField(serializers.FloatField):
    """A JSON number that fits a float.

    REST framework's FloatField also accepts booleans and strings (“nan”), and fails for huge integers.
    """

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            raise serializers.ValidationError("This must be a number.")
        try:
            number = float(data)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise serializers.ValidationError("This number is too large.")
        return number


class BoundedListField(serializers.ListField):
    """A list that is refused at once if it exceeds `max_length`.

    REST framework's ListField first validates every item, which takes ten seconds for a megabyte of them.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields, so that a misspelt field is an error and not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            # Listing all of them could take seconds and several times the length of the body.
            reported = sorted(unknown)[:MAX_UNKNOWN_REPORTED]
            raise serializers.ValidationError({name: ["Unknown field."] for name in reported})
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
        # Not a class attribute: Serializer has a property called `errors`.
        return super().get_fields() | {"errors": FieldErrorSerializer(many=True, required=False)}


def problems(*statuses: int) -> dict[Any, Any]:
    """For OpenAPI: responses with these statuses are problems."""
    return {(status, CONTENT_TYPE): ProblemSerializer for status in statuses}
