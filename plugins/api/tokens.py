"""/api/v1/tokens: list, create and revoke API tokens."""

import uuid

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import api_tokens
from accounts.authentication import API_SCOPE, signed_in
from accounts.models import APIToken, User
from accounts.permissions import HasSession
from core.operations import OPERATIONS
from core.problems import Forbidden, InvalidInput
from core.shapes import (
    BoundedListField,
    Pages,
    StrictIntegerField,
    StrictSerializer,
    TextField,
    checked,
    problems,
)
from plugins.registry import catalogue


class APITokenSerializer(serializers.ModelSerializer[APIToken]):
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = APIToken
        fields = ["id", "name", "scopes", "plugin", "created_at", "expires_at", "last_used_at"]


class NewAPITokenSerializer(APITokenSerializer):
    token = serializers.CharField(help_text="Shown only once.")

    class Meta(APITokenSerializer.Meta):
        fields = [*APITokenSerializer.Meta.fields, "token"]


class CreateAPITokenSerializer(StrictSerializer):
    name = TextField(min_length=1, max_length=100)
    scopes = BoundedListField(child=TextField(max_length=64), min_length=1, max_length=100)
    expires_in_days = StrictIntegerField(min_value=1, max_value=365)
    plugin = TextField(
        max_length=64, required=False, help_text="The slug of the plugin whose own data it may reach."
    )


@extend_schema_view(
    get=extend_schema(
        operation_id="list_tokens",
        responses={200: APITokenSerializer(many=True), **problems(401, 403, 404)},
        tags=["tokens"],
    )
)
class TokenListView(ListAPIView[APIToken]):
    """Your API tokens, latest first. Their secrets are not shown again."""

    permission_classes = (IsAuthenticated, HasSession)
    serializer_class = APITokenSerializer
    pagination_class = Pages

    def get_queryset(self):  # type: ignore[no-untyped-def] # a queryset of an abstract model's child
        return APIToken.objects.filter(user=signed_in(self.request))

    @extend_schema(
        operation_id="create_token",
        request=CreateAPITokenSerializer,
        responses={201: NewAPITokenSerializer, **problems(400, 401, 403, 404, 409, 413, 415)},
        tags=["tokens"],
    )
    def post(self, request: Request) -> Response:
        """Creates an API token. Only administrators can give it host API operations as scopes."""
        data = checked(CreateAPITokenSerializer, request)
        user = signed_in(request)
        check_scopes(user, data["scopes"])
        if "plugin" in data:
            catalogue.get_plugin(data["plugin"])
        row, token = api_tokens.create_api_token(user, **data)
        return Response(APITokenSerializer(row).data | {"token": token}, status=201)


class TokenView(APIView):
    permission_classes = (IsAuthenticated, HasSession)

    @extend_schema(
        operation_id="delete_token", responses={204: None, **problems(401, 403, 404)}, tags=["tokens"]
    )
    def delete(self, request: Request, token_id: uuid.UUID) -> Response:
        """Revokes the token at once."""
        api_tokens.delete_api_token(signed_in(request), token_id)
        return Response(status=204)


def check_scopes(user: User, scopes: list[str]) -> None:
    """Raises InvalidInput for an unknown scope, and Forbidden for one that this user may not give."""
    for index, scope in enumerate(scopes):
        if scope != API_SCOPE and scope not in OPERATIONS:
            raise InvalidInput.at(f"/scopes/{index}", f"There is no scope {scope!r}.")
    if not user.is_staff and set(scopes) != {API_SCOPE}:
        raise Forbidden(
            "Host API operations can reach everyone's data, so only administrators can use them as scopes."
        )
