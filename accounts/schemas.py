"""The shapes of account data on the wire."""

import json
from typing import Any

from rest_framework import serializers

from accounts.models import Session, User
from accounts.problems import CONTENT_TYPE

MAX_PROFILE_BYTES = 16 << 10
MAX_UNKNOWN_TOLD = 20


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
            told = sorted(unknown)[:MAX_UNKNOWN_TOLD]
            raise serializers.ValidationError({name: ["This field is not known here."] for name in told})
        return super().to_internal_value(data)


class ProfileField(serializers.JSONField):
    """A JSON object of at most MAX_PROFILE_BYTES."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.")
        if len(json.dumps(data)) > MAX_PROFILE_BYTES:
            raise serializers.ValidationError(f"This may have at most {MAX_PROFILE_BYTES} bytes.")
        return data


def name_field(**options: Any) -> TextField:
    return TextField(min_length=1, max_length=150, **options)


class PublicUserSerializer(serializers.ModelSerializer[User]):
    """What a person sees of an account."""

    class Meta:
        model = User
        fields = ["id", "email", "name", "email_verified", "is_staff", "created_at"]


class AccountSerializer(PublicUserSerializer):
    """What people see of their own."""

    profile = serializers.DictField()

    class Meta(PublicUserSerializer.Meta):
        fields = [*PublicUserSerializer.Meta.fields, "profile"]


class UpdateProfile(StrictSerializer):
    name = name_field(required=False)
    profile = ProfileField(required=False)


class DeleteAccount(StrictSerializer):
    password = TextField(max_length=1000, trim_whitespace=False)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A log-in of one's own. `user_agent` is what the client said of itself; empty if it said nothing."""

    current = serializers.SerializerMethodField(help_text="Whether this request came with it.")

    class Meta:
        model = Session
        fields = ["id", "current", "created_at", "expires_at", "user_agent", "ip_address"]

    def get_current(self, session: Session) -> bool:
        return bool(session == self.context["request"].auth)


class EndedSerializer(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many sessions.")


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
