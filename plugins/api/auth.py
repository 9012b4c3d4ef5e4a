"""/api/v1/auth: sign up, log in and out, and recover access, all through the authentication plugin."""

import contextlib
import json
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import sessions, users
from accounts.authentication import (
    COOKIE,
    bearer_token,
    check_csrf,
    delete_session_cookie,
    set_session_cookie,
)
from accounts.models import Session, User
from accounts.shapes import PublicUserSerializer
from core.problems import NotAuthenticated, Problem, SessionExpired
from core.shapes import StrictBooleanField, StrictSerializer, TextField, checked, problems
from core.strict_json import parse_json
from plugins.executions import authorization, runner
from plugins.executions.call_endpoint import client_of
from plugins.registry import catalogue


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
    token = TextField(max_length=512, help_text="The part after `#token=` in the e-mailed link.")


class ResetPasswordSerializer(LinkTokenSerializer):
    password = TextField(max_length=1000, trim_whitespace=False)


class ChangePasswordSerializer(StrictSerializer):
    current_password = TextField(max_length=1000, trim_whitespace=False)
    new_password = TextField(max_length=1000, trim_whitespace=False)
    end_api_tokens = StrictBooleanField(
        default=True,
        help_text="Whether your API tokens end too. Keep them only if nobody else knew it.",
    )


class PasswordChangedSerializer(serializers.Serializer[Any]):
    ended_api_tokens = serializers.IntegerField(help_text="How many API tokens ended with the old password.")


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


class AuthAnswerInvalid(Problem):
    status = 502
    code = "plugin-output-invalid"
    title = "The authentication plugin returned an invalid answer"


_LINK_PROBLEMS = problems(400, 403, 404, 409, 413, 415, 424, 429, 502, 503, 504)


class AuthView(APIView):
    """Base of these views. None requires a log-in, so an expired cookie does no harm."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def call_plugin(self, request: Request, function: str, data: dict[str, Any]) -> dict[str, Any]:
        """The plugin's answer. Raises the Problem that the call ended with, or AuthAnswerInvalid."""
        plugin = catalogue.get_plugin(settings.AUTH_PLUGIN)
        authorized = authorization.authorize(plugin, function, client_of(request._request, None))
        outcome = runner.run_and_wait(authorized, json.dumps(data).encode())
        if outcome.problem is not None:
            outcome.problem.members["execution"] = str(outcome.execution.pk)
            raise outcome.problem
        try:
            answer = parse_json(outcome.output)
        except Problem as error:
            raise AuthAnswerInvalid(f"{function} did not return JSON.") from error
        if not isinstance(answer, dict):
            raise AuthAnswerInvalid(f"{function} did not return an object.")
        return answer


class SignUpView(AuthView):
    @extend_schema(
        operation_id="sign_up",
        request=SignUpSerializer,
        responses={201: SignedUpSerializer, **problems(400, 409, 413, 415, 429, 502, 503, 504)},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Creates an account, without logging in."""
        answer = self.call_plugin(request, "signup", checked(SignUpSerializer, request))
        return Response({"user": PublicUserSerializer(_user_in(answer, "signup")).data}, status=201)


class LogInView(AuthView):
    @extend_schema(
        operation_id="log_in",
        request=LogInSerializer,
        responses={
            200: LoggedInSerializer,
            **problems(400, 401, 403, 409, 413, 415, 429, 502, 503, 504),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Logs in. With the header X-CSRFToken, the session comes as a cookie, otherwise as a token.

        A cookie is only set after the CSRF check, so no other site can log a browser in to an attacker's
        account.
        """
        browser = "HTTP_X_CSRFTOKEN" in request.META
        if browser:
            check_csrf(request._request)
        answer = self.call_plugin(request, "login", checked(LogInSerializer, request))
        try:
            token = str(answer["session"]["token"])
        except (KeyError, TypeError) as error:
            raise AuthAnswerInvalid("login returned no session.") from error
        session = sessions.get_session(token)
        if session is None:
            raise AuthAnswerInvalid("login returned a session that does not exist.")
        data = _session_data(session)
        if not browser:
            data["session"]["token"] = token
        response = Response(data)
        if browser:
            seconds = int((session.expires_at - timezone.now()).total_seconds())
            set_session_cookie(response, token, seconds)
        return response


class LogOutView(AuthView):
    @extend_schema(
        operation_id="log_out",
        request=None,
        responses={204: None, **problems(401, 403, 502, 503, 504)},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Ends the session of the bearer token or the cookie."""
        token, from_cookie = _token_of(request)
        if token is None:
            raise NotAuthenticated
        if from_cookie:
            check_csrf(request._request)
        with contextlib.suppress(NotAuthenticated):  # it has ended already
            self.call_plugin(request, "logout", {"token": token})
        response = Response(status=204)
        if from_cookie:
            delete_session_cookie(response)
        return response


class RequestEmailVerificationView(AuthView):
    @extend_schema(
        operation_id="request_email_verification",
        request=EmailSerializer,
        responses={202: None, **_LINK_PROBLEMS},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """E-mails a link that verifies the address, if it has an account and is not verified yet.

        The answer does not reveal whether there is such an account.
        """
        self.call_plugin(request, "request_email_verification", checked(EmailSerializer, request))
        return Response(status=202)


class VerifyEmailView(AuthView):
    @extend_schema(
        operation_id="verify_email",
        request=LinkTokenSerializer,
        responses={
            200: ConfirmedSerializer,
            **problems(400, 403, 404, 409, 413, 415, 502, 503, 504),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Verifies an e-mail address with the token from the link that was sent to it. A token works once."""
        answer = self.call_plugin(request, "verify_email", checked(LinkTokenSerializer, request))
        user = _user_in(answer, "verify_email")
        if not user.email_verified:
            raise AuthAnswerInvalid("verify_email returned an account whose address is not verified.")
        return Response({"user": PublicUserSerializer(user).data})


class RequestPasswordResetView(AuthView):
    @extend_schema(
        operation_id="request_password_reset",
        request=EmailSerializer,
        responses={202: None, **_LINK_PROBLEMS},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """E-mails a link for choosing a new password, if the address has an account.

        The answer does not reveal whether there is such an account.
        """
        self.call_plugin(request, "request_password_reset", checked(EmailSerializer, request))
        return Response(status=202)


class ResetPasswordView(AuthView):
    @extend_schema(
        operation_id="reset_password",
        request=ResetPasswordSerializer,
        responses={
            200: PasswordChangedSerializer,
            **problems(400, 403, 404, 409, 413, 415, 502, 503, 504),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Sets a new password with the token from the e-mailed link.

        Ends the account's sessions and API tokens. A token works once. It stays valid if the new password
        is refused. Does not log in.
        """
        data = checked(ResetPasswordSerializer, request)
        with users.password_change() as change:
            self.call_plugin(request, "reset_password", data)
        return Response({"ended_api_tokens": change.ended_api_tokens})


class ChangePasswordView(AuthView):
    @extend_schema(
        operation_id="change_password",
        request=ChangePasswordSerializer,
        responses={
            200: PasswordChangedSerializer,
            **problems(400, 401, 403, 404, 409, 413, 415, 429, 502, 503, 504),
        },
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Changes your password, given the current one. Ends your other sessions and your API tokens.

        The session of the bearer token or the cookie stays. So do API tokens with `end_api_tokens: false`.
        """
        token, from_cookie = _token_of(request)
        if token is None:
            raise NotAuthenticated
        if from_cookie:
            check_csrf(request._request)
        data = checked(ChangePasswordSerializer, request)
        session = None if data.pop("end_api_tokens") else sessions.get_session(token)
        with users.password_change(keep_api_tokens_of=session.user_id if session else None) as change:
            self.call_plugin(request, "change_password", {"token": token} | data)
        return Response({"ended_api_tokens": change.ended_api_tokens})


class SessionView(AuthView):
    @extend_schema(
        operation_id="get_session",
        responses={200: WhoAmISerializer, **problems(401, 502, 503, 504)},
        tags=["auth"],
    )
    def get(self, request: Request) -> Response:
        """Returns who is logged in: nulls if no token was sent, 401 if its session has ended."""
        token, _ = _token_of(request)
        if token is None:
            return Response({"user": None, "session": None})
        self.call_plugin(request, "verify_session", {"token": token})
        session = sessions.get_session(token)
        if session is None:
            raise SessionExpired
        return Response(_session_data(session))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        if response.status_code == 401 and COOKIE in request.COOKIES:
            delete_session_cookie(response)
        return super().finalize_response(request, response, *args, **kwargs)


def _token_of(request: Request) -> tuple[str | None, bool]:
    """The token, and whether it came in the cookie."""
    token = bearer_token(request)
    if token is not None:
        return token, False
    return request.COOKIES.get(COOKIE) or None, True


def _user_in(answer: dict[str, Any], function: str) -> User:
    """The account in the plugin's answer. Raises AuthAnswerInvalid."""
    try:
        return users.get_user_by_email(answer["user"]["email"])
    except (KeyError, TypeError, AttributeError, Problem) as error:
        raise AuthAnswerInvalid(f"{function} did not return an existing account.") from error


def _session_data(session: Session) -> dict[str, Any]:
    return {
        "user": PublicUserSerializer(session.user).data,
        "session": {"id": str(session.pk), "expires_at": session.expires_at.isoformat()},
    }
