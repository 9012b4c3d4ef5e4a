"""Request and response shapes of the account API."""

import json
from typing import Any

from rest_framework import serializers

from accounts.models import Session, User
from core.shapes import StrictSerializer, TextField

MAX_PROFILE_BYTES = 16 << 10


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
    """An account as its user sees it."""

    class Meta:
        model = User
        fields = ["id", "email", "name", "email_verified", "is_staff", "created_at"]


class AccountSerializer(PublicUserSerializer):
    """An account as its user sees it, with the profile."""

    profile = serializers.DictField()

    class Meta(PublicUserSerializer.Meta):
        fields = [*PublicUserSerializer.Meta.fields, "profile"]


class UpdateProfile(StrictSerializer):
    name = name_field(required=False)
    profile = ProfileField(required=False)


class DeleteAccount(StrictSerializer):
    password = TextField(max_length=1000, trim_whitespace=False)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session of the user. `user_agent` is the client's own description of itself; it can be empty."""

    current = serializers.SerializerMethodField(help_text="Whether this request uses this session.")

    class Meta:
        model = Session
        fields = ["id", "current", "created_at", "expires_at", "user_agent", "ip_address"]

    def get_current(self, session: Session) -> bool:
        return bool(session == self.context["request"].auth)


class EndedSerializer(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many sessions were ended.")


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
