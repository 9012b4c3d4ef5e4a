"""The owner's set-up, the one account that no plugin makes."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.schemas import (
    PublicUserSerializer,
    SetupDoneSerializer,
    SetupSerializer,
    SetupStateSerializer,
    problems,
)


class SetupView(APIView):
    """Whether this server still needs its owner's account, and making it with the console's one-time code."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="get_setup", responses={200: SetupStateSerializer}, tags=["setup"])
    def get(self, request: Request) -> Response:
        return Response({"needed": not services.owner_exists()})

    @extend_schema(
        operation_id="create_owner",
        request=SetupSerializer,
        responses={201: SetupDoneSerializer, **problems(400, 403, 409, 413, 415)},
        tags=["setup"],
    )
    def post(self, request: Request) -> Response:
        form = SetupSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        owner = services.create_owner(**form.validated_data)
        return Response({"user": PublicUserSerializer(owner).data}, status=201)
