"""Request and response shapes of the operations in `accounts.operations`."""

from typing import Any

from rest_framework import serializers

from accounts.mail import TEMPLATES
from accounts.shapes import ProfileField, name_field
from core.shapes import StrictBooleanField, StrictIntegerField, StrictSerializer, TextField

MIN_TTL_SECONDS = 60
MAX_TTL_SECONDS = 30 * 24 * 3600


def password_field(**options: Any) -> TextField:
    # Longer than the password rules allow, so that a long one is refused in their words.
    return TextField(max_length=1000, trim_whitespace=False, **options)


def token_field() -> TextField:
    return TextField(max_length=200)


def ttl_field() -> serializers.IntegerField:
    return StrictIntegerField(min_value=MIN_TTL_SECONDS, max_value=MAX_TTL_SECONDS)


class CreateUser(StrictSerializer):
    email = TextField(max_length=254)
    name = name_field()
    password = password_field(required=False)
    password_hash = TextField(max_length=200, required=False)
    profile = ProfileField(required=False)


class UserQuery(StrictSerializer):
    email = TextField(max_length=254)


class UpdatePassword(StrictSerializer):
    password = password_field(required=False)
    password_hash = TextField(max_length=200, required=False)
    keep_session_id = serializers.UUIDField(required=False)
    reset_token = TextField(
        max_length=200,
        required=False,
        help_text="Of this user. Used up with the change; if it is not valid, nothing changes.",
    )


class EmailVerified(StrictSerializer):
    email_verified = StrictBooleanField()


class VerifyPassword(StrictSerializer):
    password = password_field()


class PasswordVerdict(serializers.Serializer[Any]):
    valid = serializers.BooleanField()


class User(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    profile = serializers.DictField()
    email_verified = serializers.BooleanField()
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    password_hash = serializers.CharField(
        required=False, help_text="Requires the permission read_password_hash."
    )


class CreateSession(StrictSerializer):
    user_id = serializers.UUIDField()
    ttl_seconds = ttl_field()


class Secret(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class NewSession(Secret):
    token = serializers.CharField(help_text="Shown only once.")


class FoundSession(Secret):
    user = User()


class Token(StrictSerializer):
    token = token_field()


class CreateToken(CreateSession):
    pass


class NewToken(NewSession):
    pass


class Deleted(serializers.Serializer[Any]):
    deleted = serializers.IntegerField(help_text="How many were deleted.")


class SendEmail(StrictSerializer):
    user_id = serializers.UUIDField()
    template = serializers.ChoiceField(sorted(TEMPLATES))
    token = token_field()


class Sent(serializers.Serializer[Any]):
    sent = serializers.BooleanField()
