"""The owner's set-up, and what users do with their own account and sessions.

The owner's account is the only one that no plugin creates.
"""

import uuid

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import owner_setup, rate_limits, sessions, users
from accounts.authentication import client_address, delete_session_cookie, session_of, signed_in
from accounts.models import Session
from accounts.permissions import HasSession
from accounts.shapes import (
    AccountSerializer,
    DeleteAccount,
    EndedSerializer,
    PublicUserSerializer,
    SessionSerializer,
    SetupDoneSerializer,
    SetupSerializer,
    SetupStateSerializer,
    UpdateProfile,
)
from core.problems import InvalidInput
from core.shapes import Pages, checked, problems


class SetupView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="get_setup", responses={200: SetupStateSerializer}, tags=["setup"])
    def get(self, request: Request) -> Response:
        """Returns whether the server still needs its owner."""
        return Response({"needed": not owner_setup.owner_exists()})

    @extend_schema(
        operation_id="create_owner",
        request=SetupSerializer,
        responses={201: SetupDoneSerializer, **problems(400, 403, 409, 413, 415)},
        tags=["setup"],
    )
    def post(self, request: Request) -> Response:
        """Creates the owner's account, with the one-time code from the console."""
        owner = owner_setup.create_owner(**checked(SetupSerializer, request))
        return Response({"user": PublicUserSerializer(owner).data}, status=201)


class AccountView(APIView):
    """The user's own account."""

    def get_permissions(self) -> list[BasePermission]:
        needed: list[BasePermission] = [IsAuthenticated()]
        return [*needed, HasSession()] if self.request.method == "DELETE" else needed

    @extend_schema(
        operation_id="get_account",
        responses={200: AccountSerializer, **problems(401, 403)},
        tags=["account"],
    )
    def get(self, request: Request) -> Response:
        """Returns your account."""
        return Response(AccountSerializer(signed_in(request)).data)

    @extend_schema(
        operation_id="change_account",
        request=UpdateProfile,
        responses={200: AccountSerializer, **problems(400, 401, 403, 413, 415)},
        tags=["account"],
    )
    def patch(self, request: Request) -> Response:
        """Changes your name, your profile or both. A new profile replaces the whole previous one."""
        user = users.update_profile(signed_in(request).pk, **checked(UpdateProfile, request))
        return Response(AccountSerializer(user).data)

    @extend_schema(
        operation_id="delete_account",
        request=DeleteAccount,
        responses={204: None, **problems(400, 401, 403, 409, 413, 415, 429)},
        tags=["account"],
    )
    def delete(self, request: Request) -> Response:
        """Deletes your account with its sessions and tokens. Requires your `password`."""
        user, password = signed_in(request), checked(DeleteAccount, request)["password"]
        attempt = rate_limits.count_attempt(client_address(request._request), user.email)
        if not users.verify_password(user.pk, password):
            raise InvalidInput.at("/password", "This is not your password.")
        attempt.refund()
        users.delete_user(user.pk)
        response = Response(status=204)
        delete_session_cookie(response)
        return response


@extend_schema_view(
    get=extend_schema(
        operation_id="list_sessions",
        responses={200: SessionSerializer(many=True), **problems(401, 403, 404)},
        tags=["account"],
    )
)
class SessionListView(ListAPIView[Session]):
    """Your sessions, latest first."""

    permission_classes = (IsAuthenticated, HasSession)
    serializer_class = SessionSerializer
    pagination_class = Pages

    def get_queryset(self):  # type: ignore[no-untyped-def] # a queryset of an abstract model's child
        return sessions.own_sessions(signed_in(self.request))

    @extend_schema(
        operation_id="end_other_sessions",
        responses={200: EndedSerializer, **problems(401, 403)},
        tags=["account"],
    )
    def delete(self, request: Request) -> Response:
        """Ends all your sessions except the current one. Returns how many there were."""
        return Response({"ended": sessions.end_other_sessions(signed_in(request), session_of(request))})


class OwnSessionView(APIView):
    permission_classes = (IsAuthenticated, HasSession)

    @extend_schema(
        operation_id="end_session", responses={204: None, **problems(401, 403, 404)}, tags=["account"]
    )
    def delete(self, request: Request, session_id: uuid.UUID) -> Response:
        """Ends one of your sessions, which logs that client out at once."""
        sessions.end_own_session(signed_in(request), session_id)
        response = Response(status=204)
        if session_id == session_of(request).pk:
            delete_session_cookie(response)
        return response
