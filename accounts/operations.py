"""Host API operations on users, sessions, single-use tokens and account e-mails."""

from typing import Any

from accounts import mail, operation_shapes, sessions, single_use_tokens, users
from accounts.email_addresses import normalise_email
from accounts.models import Secret, User
from accounts.shapes import UpdateProfile
from core.operations import Caller, Risk, operation, permission
from core.problems import NotFound

READ_PASSWORD_HASH = permission(
    "read_password_hash",
    title="Read password hashes",
    meaning="Reads stored password hashes. Anyone who has a hash can try to guess the password offline.",
    risk=Risk.HIGHEST,
)


@operation(
    "POST", "users", title="Create accounts", risk=Risk.MEDIUM,
    meaning="Creates accounts with an e-mail address, a name and a password.",
    request=operation_shapes.CreateUser, response=operation_shapes.User, status=201,
)  # fmt: skip
def db_create_user(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, users.create_user(**data))


@operation(
    "GET", "users", title="Find an account by e-mail", risk=Risk.MEDIUM,
    meaning="Finds out whether an e-mail address has an account, and reads its name and profile.",
    query=operation_shapes.UserQuery, response=operation_shapes.User,
    own=lambda user, data: normalise_email(data["email"]) == user.email,
)  # fmt: skip
def db_get_user_by_email(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, users.get_user_by_email(data["email"]))


@operation(
    "GET", "users/<uuid:uuid>", title="Read an account", risk=Risk.MEDIUM,
    meaning="Reads the e-mail address, name and profile of any account whose ID the plugin knows.",
    response=operation_shapes.User, own=lambda user, data: data["uuid"] == user.pk,
)  # fmt: skip
def db_get_user_by_uuid(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, users.get_user(data["uuid"]))


@operation(
    "PUT", "users/<uuid:uuid>/password", title="Change passwords", risk=Risk.HIGHEST,
    meaning="Sets the password of any account, even an administrator's, and so can take the account over.",
    request=operation_shapes.UpdatePassword, status=204,
)  # fmt: skip
def db_update_user_password(caller: Caller, data: dict[str, Any]) -> Any:
    users.update_password(data.pop("uuid"), **data)


@operation(
    "PUT", "users/<uuid:uuid>/email-verified", title="Mark e-mail addresses as verified", risk=Risk.MEDIUM,
    meaning="Marks the e-mail address of any account as verified or as not verified.",
    request=operation_shapes.EmailVerified, response=operation_shapes.User,
)  # fmt: skip
def db_update_user_email_verified(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, users.set_email_verified(data["uuid"], data["email_verified"]))


@operation(
    "PATCH", "users/<uuid:uuid>/profile", title="Change profiles", risk=Risk.MEDIUM,
    meaning="Changes the name and profile of any account.",
    request=UpdateProfile, response=operation_shapes.User, own=lambda user, data: data["uuid"] == user.pk,
)  # fmt: skip
def db_update_user_profile(caller: Caller, data: dict[str, Any]) -> Any:
    return user_data(caller, users.update_profile(data.pop("uuid"), **data))


@operation(
    "POST", "users/<uuid:uuid>/password/verify", title="Check passwords", risk=Risk.HIGH,
    meaning="Checks whether a password is right. The plugin never sees the hash, but it can guess passwords.",
    request=operation_shapes.VerifyPassword, response=operation_shapes.PasswordVerdict,
)  # fmt: skip
def verify_password(caller: Caller, data: dict[str, Any]) -> Any:
    return {"valid": users.verify_password(data["uuid"], data["password"])}


@operation(
    "POST", "sessions", title="Log people in", risk=Risk.HIGHEST,
    meaning="Starts a session for any account, even an administrator's. Authentication plugins need this.",
    request=operation_shapes.CreateSession, response=operation_shapes.NewSession, status=201,
)  # fmt: skip
def db_create_session(caller: Caller, data: dict[str, Any]) -> Any:
    session, token = sessions.create_session(
        data["user_id"], data["ttl_seconds"], user_agent=caller.user_agent, ip_address=caller.ip_address
    )
    return secret_data(session) | {"token": token}


@operation(
    "POST", "sessions/lookup", title="Look up sessions", risk=Risk.MEDIUM,
    meaning="Finds the account that a session token belongs to.",
    request=operation_shapes.Token, response=operation_shapes.FoundSession,
)  # fmt: skip
def db_get_session(caller: Caller, data: dict[str, Any]) -> Any:
    session = usable(sessions.get_session(data["token"]))
    return secret_data(session) | {"user": user_data(caller, session.user)}


@operation(
    "DELETE", "sessions/<uuid:id>", title="End a session", risk=Risk.MEDIUM,
    meaning="Logs a person out of a session whose ID the plugin knows.", status=204,
)  # fmt: skip
def db_delete_session(caller: Caller, data: dict[str, Any]) -> Any:
    sessions.delete_session(data["id"])


@operation(
    "DELETE", "users/<uuid:uuid>/sessions", title="End all sessions of a person", risk=Risk.MEDIUM,
    meaning="Logs a person out everywhere.", response=operation_shapes.Deleted,
    own=lambda user, data: data["uuid"] == user.pk,
)  # fmt: skip
def db_delete_user_sessions(caller: Caller, data: dict[str, Any]) -> Any:
    return {"deleted": sessions.delete_user_sessions(data["uuid"])}


@operation(
    "POST", "sessions/cleanup", title="Remove expired sessions", risk=Risk.LOW,
    meaning="Deletes sessions that have expired.", response=operation_shapes.Deleted,
)  # fmt: skip
def db_cleanup_expired_sessions(caller: Caller, data: dict[str, Any]) -> Any:
    return {"deleted": sessions.cleanup_expired_sessions()}


@operation(
    "POST", "email-verification-tokens", title="Create e-mail verification tokens", risk=Risk.MEDIUM,
    meaning="Creates tokens that let people prove that an e-mail address is theirs.",
    request=operation_shapes.CreateToken, response=operation_shapes.NewToken, status=201,
)  # fmt: skip
def db_create_email_verification_token(caller: Caller, data: dict[str, Any]) -> Any:
    row, token = single_use_tokens.create_email_verification_token(data["user_id"], data["ttl_seconds"])
    return secret_data(row) | {"token": token}


@operation(
    "POST", "email-verification-tokens/lookup", title="Look up e-mail verification tokens", risk=Risk.LOW,
    meaning="Finds the account that a verification token belongs to. The token stays valid.",
    request=operation_shapes.Token, response=operation_shapes.Secret,
)  # fmt: skip
def db_get_email_verification_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(single_use_tokens.get_email_verification_token(data["token"])))


@operation(
    "POST", "email-verification-tokens/use", title="Use e-mail verification tokens", risk=Risk.MEDIUM,
    meaning="Uses up a verification token. Marking the address as verified is another permission.",
    request=operation_shapes.Token, response=operation_shapes.Secret,
)  # fmt: skip
def db_use_email_verification_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(single_use_tokens.use_email_verification_token(data["token"])))


@operation(
    "POST", "password-reset-tokens", title="Create password reset tokens", risk=Risk.HIGH,
    meaning="Creates tokens that can reset the password of any account, and sees them.",
    request=operation_shapes.CreateToken, response=operation_shapes.NewToken, status=201,
)  # fmt: skip
def db_create_password_reset_token(caller: Caller, data: dict[str, Any]) -> Any:
    row, token = single_use_tokens.create_password_reset_token(data["user_id"], data["ttl_seconds"])
    return secret_data(row) | {"token": token}


@operation(
    "POST", "password-reset-tokens/lookup", title="Look up password reset tokens", risk=Risk.LOW,
    meaning="Finds the account that a reset token belongs to. The token stays valid.",
    request=operation_shapes.Token, response=operation_shapes.Secret,
)  # fmt: skip
def db_get_password_reset_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(single_use_tokens.get_password_reset_token(data["token"])))


@operation(
    "POST", "password-reset-tokens/use", title="Use password reset tokens", risk=Risk.MEDIUM,
    meaning="Uses up a reset token. Changing the password is another permission.",
    request=operation_shapes.Token, response=operation_shapes.Secret,
)  # fmt: skip
def db_use_password_reset_token(caller: Caller, data: dict[str, Any]) -> Any:
    return secret_data(usable(single_use_tokens.use_password_reset_token(data["token"])))


@operation(
    "POST", "tokens/cleanup", title="Remove expired tokens", risk=Risk.LOW,
    meaning="Deletes verification and reset tokens that have expired.", response=operation_shapes.Deleted,
)  # fmt: skip
def db_cleanup_expired_tokens(caller: Caller, data: dict[str, Any]) -> Any:
    return {"deleted": single_use_tokens.cleanup_expired_tokens()}


@operation(
    "DELETE", "users/<uuid:uuid>", title="Delete accounts", risk=Risk.HIGHEST,
    meaning="Deletes any account with everything that belongs to it. This cannot be undone.", status=204,
)  # fmt: skip
def db_delete_user(caller: Caller, data: dict[str, Any]) -> Any:
    users.delete_user(data["uuid"])


@operation(
    "POST", "emails", title="Send account e-mails", risk=Risk.MEDIUM,
    meaning="Sends this server's own verification and reset e-mails to the account's own address.",
    request=operation_shapes.SendEmail, response=operation_shapes.Sent, status=202,
)  # fmt: skip
def send_email(caller: Caller, data: dict[str, Any]) -> Any:
    mail.send_account_email(data["user_id"], data["template"], data["token"])
    return {"sent": True}


def user_data(caller: Caller, user: User) -> dict[str, Any]:
    """The fields of a user that a guest sees. The password hash takes a permission of its own."""
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
        data["password_hash"] = users.password_hash(user)
    return data


def secret_data(secret: Secret) -> dict[str, Any]:
    return {
        "id": str(secret.pk),
        "user_id": str(secret.user_id),
        "created_at": secret.created_at.isoformat(),
        "expires_at": secret.expires_at.isoformat(),
    }


def usable(secret: Any) -> Any:
    """The secret. Raises the same NotFound for unknown, used and expired ones."""
    if secret is None:
        raise NotFound("The token is unknown, used or expired.")
    return secret
