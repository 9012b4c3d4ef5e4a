"""The host API's operations, each defined once: here.

A function's name is at once the operation's permission, its OpenAPI operationId and its label in the audit
log; its decorator holds the route, the shapes and what an administrator is told before granting it. The
views (plugins.host), the bridge, the manifests' permissions and the documents are all made from this table.

Functions get the Caller and the checked input, and answer with plain data. They raise Problems only.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from rest_framework import serializers

from accounts import attempts, events, mail, services
from accounts.models import Secret, User, normalise_email
from accounts.problems import Forbidden, NotFound
from accounts.schemas import UpdateProfile
from plugins import kv
from plugins.host import schemas
from plugins.host.caller import Caller
from plugins.models import Plugin

PREFIX = "/host/v1/"
NOTIFICATIONS = 30  # of a plugin to a person, and to its watchers, within attempts.WINDOW_SECONDS


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
# Whether what is asked concerns only this user's own data.
Own = Callable[[User, dict[str, Any]], bool]
Shape = type[serializers.Serializer[Any]]


@dataclass(frozen=True)
class Operation(Permission):
    """A permission that is also an HTTP endpoint. `route` is in Django's syntax, below PREFIX.

    `own` says when a run in a user's browser may do it; None: never. What runs in a browser is in the
    user's hands, so it may do no more than the user may do to their own data.
    """

    method: str
    route: str
    request: Shape | None
    query: Shape | None
    response: Shape | None
    status: int
    own: Own | None
    perform: Perform

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The fields that travel in the path."""
        return tuple(re.findall(r"<\w+:(\w+)>", self.route))


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
    own: Own | None = None,
) -> Callable[[Perform], Perform]:
    """Registers the function below as the operation of its name."""

    def register(perform: Perform) -> Perform:
        name = perform.__name__
        made = Operation(
            name, title, meaning, risk, method, route, request, query, response, status, own, perform
        )
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
    own=lambda user, data: normalise_email(data["email"]) == user.email,
)  # fmt: skip
def db_get_user_by_email(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, services.get_user_by_email(data["email"]))


@operation(
    "GET", "users/<uuid:uuid>", title="Read an account", risk=Risk.MEDIUM,
    meaning="Reads the e-mail, name and profile of an account whose id it has.",
    response=schemas.User, own=lambda user, data: data["uuid"] == user.pk,
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
    request=UpdateProfile, response=schemas.User, own=lambda user, data: data["uuid"] == user.pk,
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
    session = usable(services.get_session(data["token"]))
    return secret_data(session) | {"user": user_data(caller, session.user)}


@operation(
    "DELETE", "sessions/<uuid:id>", title="End a session", risk=Risk.MEDIUM,
    meaning="Logs a person out of a session whose id it has.", status=204,
)  # fmt: skip
def db_delete_session(caller: Caller, data: dict[str, Any]) -> Any:
    services.delete_session(data["id"])


@operation(
    "DELETE", "users/<uuid:uuid>/sessions", title="End all sessions of a person", risk=Risk.MEDIUM,
    meaning="Logs a person out everywhere.", response=schemas.Deleted,
    own=lambda user, data: data["uuid"] == user.pk,
)  # fmt: skip
def db_delete_user_sessions(caller: Caller, data: dict[str, Any]) -> Any:
    return {"deleted": services.delete_user_sessions(data["uuid"])}


@operation(
    "POST", "sessions/cleanup", title="Remove expired sessions", risk=Risk.LOW,
    meaning="Tidies up: sessions that have ended anyway are removed.", response=schemas.Deleted,
)  # fmt: skip
def db_cleanup_expired_sessions(caller: Caller, data: dict[str, Any]) -> Any:
    return {"deleted": services.cleanup_expired_sessions()}


# --- single-use tokens --------------------------------------------------------------------------------


@operation(
    "POST", "email-verification-tokens", title="Make e-mail verification tokens", risk=Risk.MEDIUM,
    meaning="Makes a token with which a person proves that an e-mail is theirs.",
    request=schemas.CreateToken, response=schemas.NewToken, status=201,
)  # fmt: skip
def db_create_email_verification_token(caller: Caller, data: dict[str, Any]) -> Any:
    made, token = services.create_email_verification_token(data["user_id"], data["ttl_seconds"])
    return secret_data(made) | {"token": token}


@operation(
    "POST", "email-verification-tokens/lookup", title="Recognise e-mail verification tokens", risk=Risk.LOW,
    meaning="Given such a token, learns whose it is, and leaves it good.",
    request=schemas.Token, response=schemas.Secret,
)  # fmt: skip
def db_get_email_verification_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(services.get_email_verification_token(data["token"])))


@operation(
    "POST", "email-verification-tokens/use", title="Use e-mail verification tokens", risk=Risk.MEDIUM,
    meaning="Spends such a token, once; the plugin can then mark the e-mail as verified.",
    request=schemas.Token, response=schemas.Secret,
)  # fmt: skip
def db_use_email_verification_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(services.use_email_verification_token(data["token"])))


@operation(
    "POST", "password-reset-tokens", title="Make password reset tokens", risk=Risk.HIGH,
    meaning="Makes a token with which anybody's password can be reset, and sees it.",
    request=schemas.CreateToken, response=schemas.NewToken, status=201,
)  # fmt: skip
def db_create_password_reset_token(caller: Caller, data: dict[str, Any]) -> Any:
    made, token = services.create_password_reset_token(data["user_id"], data["ttl_seconds"])
    return secret_data(made) | {"token": token}


@operation(
    "POST", "password-reset-tokens/lookup", title="Recognise password reset tokens", risk=Risk.LOW,
    meaning="Given such a token, learns whose it is, and leaves it good.",
    request=schemas.Token, response=schemas.Secret,
)  # fmt: skip
def db_get_password_reset_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(services.get_password_reset_token(data["token"])))


@operation(
    "POST", "password-reset-tokens/use", title="Use password reset tokens", risk=Risk.MEDIUM,
    meaning="Spends such a token, once; changing the password is another permission.",
    request=schemas.Token, response=schemas.Secret,
)  # fmt: skip
def db_use_password_reset_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(services.use_password_reset_token(data["token"])))


@operation(
    "POST", "tokens/cleanup", title="Remove expired tokens", risk=Risk.LOW,
    meaning="Tidies up: verification and reset tokens past their end are removed.", response=schemas.Deleted,
)  # fmt: skip
def db_cleanup_expired_tokens(caller: Caller, data: dict[str, Any]) -> Any:
    return {"deleted": services.cleanup_expired_tokens()}


@operation(
    "DELETE", "users/<uuid:uuid>", title="Delete accounts", risk=Risk.HIGHEST,
    meaning="Deletes anybody's account with all that belongs to it. This cannot be undone.", status=204,
)  # fmt: skip
def db_delete_user(caller: Caller, data: dict[str, Any]) -> Any:
    services.delete_user(data["uuid"])


# --- messages -----------------------------------------------------------------------------------------


@operation(
    "POST", "emails", title="Send account e-mails", risk=Risk.MEDIUM,
    meaning="Sends this server's own verification and reset e-mails to the address of the account.",
    request=schemas.SendEmail, response=schemas.Sent, status=202,
)  # fmt: skip
def send_email(caller: Caller, data: dict[str, Any]) -> Any:
    mail.send_account_email(data["user_id"], data["template"], data["token"])
    return {"sent": True}


@operation(
    "POST", "notifications", title="Show notifications", risk=Risk.LOW,
    meaning="Shows a short message, marked as coming from this plugin, to one person or its watchers.",
    request=schemas.Notify, response=schemas.Notified, status=202,
    own=lambda user, data: data.get("user_id") == user.pk,
)  # fmt: skip
def notify(caller: Caller, data: dict[str, Any]) -> Any:
    plugin = plugin_of(caller)
    user_id = data.pop("user_id", None)
    people = [services.get_user(user_id).pk] if user_id else [w.user_id for w in plugin.watchers.all()]
    whom = "a person" if user_id else "its watchers"
    with transaction.atomic():  # what is not told does not count
        attempts.count(
            "notify", plugin.slug, str(user_id or "watchers"), most=NOTIFICATIONS,
            refusal=f"A plugin may show {whom} {NOTIFICATIONS} notifications within ten minutes.",
        )  # fmt: skip
        events.publish("notification", data | {"plugin": plugin.slug}, to_users=people, to_staff=False)
    return {"delivered_to": "user" if user_id else "watchers"}


# --- the plugin's own store ---------------------------------------------------------------------------


@operation(
    "GET", "kv/<kvkey:key>", title="Read its store", risk=Risk.LOW,
    meaning="Reads what the plugin itself kept under a key.", response=schemas.Entry,
)  # fmt: skip
def kv_get(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.get(plugin_of(caller), data["key"])


@operation(
    "PUT", "kv/<kvkey:key>", title="Write its store", risk=Risk.LOW,
    meaning="Keeps values of its own under keys of its own, up to a quota.",
    request=schemas.SetEntry, response=schemas.StoredEntry,
)  # fmt: skip
def kv_set(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.put(plugin_of(caller), **data)


@operation(
    "DELETE", "kv/<kvkey:key>", title="Delete from its store", risk=Risk.LOW,
    meaning="Removes what the plugin itself kept under a key.", query=schemas.IfVersion, status=204,
)  # fmt: skip
def kv_delete(caller: Caller, data: dict[str, Any]) -> Any:
    kv.delete(plugin_of(caller), **data)


@operation(
    "GET", "kv", title="List its store", risk=Risk.LOW,
    meaning="Lists the keys under which the plugin itself kept something.",
    query=schemas.ListEntries, response=schemas.EntryPage,
)  # fmt: skip
def kv_list(caller: Caller, data: dict[str, Any]) -> Any:
    return kv.page(plugin_of(caller), **data)


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
    """The id or key of what an operation was about, for the audit log; never an e-mail, never a secret."""
    found: uuid.UUID | str | None = (
        data.get("uuid") or data.get("id") or data.get("user_id") or data.get("key")
    )
    if found is None and isinstance(result, dict):
        found = result.get("user_id") or result.get("id")
    return str(found or "")


def usable(secret: Any) -> Any:
    """The secret, or NotFound: for unknown, used and expired ones alike."""
    if secret is None:
        raise NotFound("It is unknown, used or expired.")
    return secret


def plugin_of(caller: Caller) -> Plugin:
    """The plugin that speaks. Raises Forbidden for an API token that is bound to none."""
    plugin = Plugin.objects.filter(slug=caller.plugin).first() if caller.plugin else None
    if plugin is None:
        raise Forbidden("This operation needs a plugin: use a token that was made for one.")
    return plugin
