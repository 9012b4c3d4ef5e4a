"""The host API's operations, each defined once: here.

A function's name is at once the operation's permission, its OpenAPI operationId and its label in the audit
log; its decorator holds the route, the shapes and what an administrator is told before granting it. The
views (plugins.host), the bridge, the manifests' permissions and the documents are all made from this table.

Functions get the Caller and the checked input, and answer with plain data. They raise Problems only.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rest_framework import serializers

from accounts import services
from accounts.models import Secret, Session, User
from accounts.problems import NotFound
from plugins.host import schemas
from plugins.host.caller import Caller

PREFIX = "/host/v1/"


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    HIGHEST = "highest"


@dataclass(frozen=True)
class Permission:
    """Something a manifest may ask for; `title` and `meaning` are for the administrator who decides."""

    name: str
    title: str
    meaning: str
    risk: Risk


Perform = Callable[[Caller, dict[str, Any]], Any]
Shape = type[serializers.Serializer[Any]]


@dataclass(frozen=True)
class Operation(Permission):
    """A permission that is also an HTTP endpoint. `route` is in Django's syntax, below PREFIX."""

    method: str
    route: str
    request: Shape | None
    query: Shape | None
    response: Shape | None
    status: int
    perform: Perform


READ_PASSWORD_HASH = Permission(
    "read_password_hash",
    "Read password hashes",
    "Sees the stored hash of passwords. Whoever has a hash can try to guess the password elsewhere.",
    Risk.HIGHEST,
)
OPERATIONS: dict[str, Operation] = {}
PERMISSIONS: dict[str, Permission] = {READ_PASSWORD_HASH.name: READ_PASSWORD_HASH}


def operation(
    method: str,
    route: str,
    *,
    title: str,
    meaning: str,
    risk: Risk,
    request: Shape | None = None,
    query: Shape | None = None,
    response: Shape | None = None,
    status: int = 200,
) -> Callable[[Perform], Perform]:
    """Registers the function below as the operation of its name."""

    def register(perform: Perform) -> Perform:
        name = perform.__name__
        made = Operation(name, title, meaning, risk, method, route, request, query, response, status, perform)
        OPERATIONS[name] = PERMISSIONS[name] = made
        return perform

    return register


# --- users --------------------------------------------------------------------------------------------


@operation(
    "POST", "users", title="Create accounts", risk=Risk.MEDIUM,
    meaning="Makes new users with an e-mail, a name and a password.",
    request=schemas.CreateUser, response=schemas.User, status=201,
)  # fmt: skip
def db_create_user(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, services.create_user(**data))


@operation(
    "GET", "users", title="Find an account by e-mail", risk=Risk.MEDIUM,
    meaning="Learns whether an e-mail has an account, and reads that account's name and profile.",
    query=schemas.UserQuery, response=schemas.User,
)  # fmt: skip
def db_get_user_by_email(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, services.get_user_by_email(data["email"]))


@operation(
    "GET", "users/<uuid:uuid>", title="Read an account", risk=Risk.MEDIUM,
    meaning="Reads the e-mail, name and profile of an account whose id it has.",
    response=schemas.User,
)  # fmt: skip
def db_get_user_by_uuid(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, services.get_user(data["uuid"]))


@operation(
    "PUT", "users/<uuid:uuid>/password", title="Change passwords", risk=Risk.HIGHEST,
    meaning="Sets anybody's password, an administrator's included, and with it can take the account over.",
    request=schemas.UpdatePassword, status=204,
)  # fmt: skip
def db_update_user_password(caller: Caller, data: dict[str, Any]) -> Any:
    services.update_password(data.pop("uuid"), **data)


@operation(
    "PUT", "users/<uuid:uuid>/email-verified", title="Mark e-mails as verified", risk=Risk.MEDIUM,
    meaning="Says that an e-mail belongs to its account's owner, or takes that back.",
    request=schemas.EmailVerified, response=schemas.User,
)  # fmt: skip
def db_update_user_email_verified(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, services.set_email_verified(data["uuid"], data["email_verified"]))


@operation(
    "PATCH", "users/<uuid:uuid>/profile", title="Change profiles", risk=Risk.MEDIUM,
    meaning="Changes the name and the profile of any account.",
    request=schemas.UpdateProfile, response=schemas.User,
)  # fmt: skip
def db_update_user_profile(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, services.update_profile(data.pop("uuid"), **data))


@operation(
    "POST", "users/<uuid:uuid>/password/verify", title="Check passwords", risk=Risk.HIGH,
    meaning="Asks whether a password is right. It never sees the stored hash, but can try passwords.",
    request=schemas.VerifyPassword, response=schemas.PasswordVerdict,
)  # fmt: skip
def verify_password(caller: Caller, data: dict[str, Any]) -> Any:
    return {"valid": services.verify_password(data["uuid"], data["password"])}


# --- sessions -----------------------------------------------------------------------------------------


@operation(
    "POST", "sessions", title="Log people in", risk=Risk.HIGHEST,
    meaning="Opens a session for any account, an administrator's included. Authentication needs it.",
    request=schemas.CreateSession, response=schemas.NewSession, status=201,
)  # fmt: skip
def db_create_session(caller: Caller, data: dict[str, Any]) -> Any:
    session, token = services.create_session(
        data["user_id"], data["ttl_seconds"], user_agent=caller.user_agent, ip_address=caller.ip_address
    )
    return secret_data(session) | {"token": token}


@operation(
    "POST", "sessions/lookup", title="Recognise sessions", risk=Risk.MEDIUM,
    meaning="Given a session's token, learns whose it is.",
    request=schemas.Token, response=schemas.FoundSession,
)  # fmt: skip
def db_get_session(caller: Caller, data: dict[str, Any]) -> Any:
    session: Session = _usable(services.get_session(data["token"]))
    return secret_data(session) | {"user": user_data(caller, session.user)}


@operation(
    "DELETE", "sessions/<uuid:id>", title="End a session", risk=Risk.MEDIUM,
    meaning="Logs a person out of a session whose id it has.", status=204,
)  # fmt: skip
def db_delete_session(caller: Caller, data: dict[str, Any]) -> Any:
    services.delete_session(data["id"])


# --- shared -------------------------------------------------------------------------------------------


def user_data(caller: Caller, user: User) -> dict[str, Any]:
    """A user as a guest sees it; with the password's hash only for those who hold that permission."""
    data = {
        "id": str(user.pk),
        "email": user.email,
        "name": user.name,
        "profile": user.profile,
        "email_verified": user.email_verified,
        "is_active": user.is_active,
        "created_at": user.created_at.isoformat(),
    }
    if READ_PASSWORD_HASH.name in caller.granted:
        data["password_hash"] = services.password_hash(user)
    return data


def secret_data(secret: Secret) -> dict[str, Any]:
    return {
        "id": str(secret.pk),
        "user_id": str(secret.user_id),
        "created_at": secret.created_at.isoformat(),
        "expires_at": secret.expires_at.isoformat(),
    }


def subject(data: dict[str, Any], result: Any) -> str:
    """The id of what an operation was about, for the audit log; never an e-mail and never a secret."""
    found: uuid.UUID | str | None = data.get("uuid") or data.get("id") or data.get("user_id")
    if found is None and isinstance(result, dict):
        found = result.get("user_id") or result.get("id")
    return str(found or "")


def _usable(secret: Any) -> Any:
    if secret is None:
        raise NotFound("It is unknown, used or expired.")
    return secret
