"""The shapes of account data on the wire."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.problems import CONTENT_TYPE


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


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, so that a misspelt one is told and not dropped."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {name: ["This field is not known here."] for name in sorted(unknown)}
            )
        return super().to_internal_value(data)


class PublicUserSerializer(serializers.ModelSerializer[User]):
    """What a person sees of an account."""

    class Meta:
        model = User
        fields = ["id", "email", "name", "email_verified", "is_staff", "created_at"]


class UserRefSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "name", "email"]


class SetupStateSerializer(serializers.Serializer[Any]):
    needed = serializers.BooleanField()


class SetupSerializer(StrictSerializer):
    code = TextField(max_length=100)
    email = TextField(max_length=254)
    name = TextField(max_length=150)
    password = TextField(max_length=1000, trim_whitespace=False)


class SetupDoneSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()


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
