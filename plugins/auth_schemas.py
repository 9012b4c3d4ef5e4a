"""The shapes of logging in and of API tokens on the wire."""

from typing import Any

from rest_framework import serializers

from accounts.models import APIToken
from accounts.schemas import (
    BoundedListField,
    PublicUserSerializer,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)


class APITokenSerializer(serializers.ModelSerializer[APIToken]):
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = APIToken
        fields = ["id", "name", "scopes", "plugin", "created_at", "expires_at", "last_used_at"]


class NewAPITokenSerializer(APITokenSerializer):
    token = serializers.CharField(help_text="Shown this once.")

    class Meta(APITokenSerializer.Meta):
        fields = [*APITokenSerializer.Meta.fields, "token"]


class CreateAPITokenSerializer(StrictSerializer):
    name = TextField(min_length=1, max_length=100)
    scopes = BoundedListField(child=TextField(max_length=64), min_length=1, max_length=100)
    expires_in_days = StrictIntegerField(min_value=1, max_value=365)
    plugin = TextField(
        max_length=64, required=False, help_text="Slug: for operations on a plugin's own data."
    )


class SignUpSerializer(StrictSerializer):
    email = TextField(max_length=254)
    name = TextField(max_length=150)
    password = TextField(max_length=1000, trim_whitespace=False)


class LogInSerializer(StrictSerializer):
    email = TextField(max_length=254)
    password = TextField(max_length=1000, trim_whitespace=False)


class EmailSerializer(StrictSerializer):
    email = TextField(max_length=254)


class LinkTokenSerializer(StrictSerializer):
    token = TextField(max_length=512, help_text="What stands after `#token=` in the link of the e-mail.")


class ResetPasswordSerializer(LinkTokenSerializer):
    password = TextField(max_length=1000, trim_whitespace=False)


class ChangePasswordSerializer(StrictSerializer):
    current_password = TextField(max_length=1000, trim_whitespace=False)
    new_password = TextField(max_length=1000, trim_whitespace=False)


class ConfirmedSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()


class SignedUpSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()


class SessionRefSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    token = serializers.CharField(required=False, help_text="For API clients; browsers get a cookie instead.")


class LoggedInSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()
    session = SessionRefSerializer()


class WhoAmISerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer(allow_null=True)
    session = SessionRefSerializer(allow_null=True)
