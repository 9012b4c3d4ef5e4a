"""User accounts: create, look up, change, delete."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.email_addresses import email_for_sending, has_valid_domain, normalise_email
from accounts.models import EmailVerificationToken, Kept, PasswordResetToken, Session, User
from accounts.passwords import from_phc, run_dummy_check, to_phc
from core.prepared_query import one_or_none
from core.problems import InvalidInput, NotFound, Problem


class EmailTaken(Problem):
    status = 409
    code = "email-taken"
    title = "This e-mail address already has an account"
    default_detail = "Log in with it, or use another e-mail address."


class UserDisabled(Problem):
    status = 409
    code = "user-disabled"
    title = "This account is disabled"


# The start of every look-up of a single user. Without the model's default ordering, which would cost time.
USERS = User.objects.order_by()


@dataclass
class PasswordChange:
    """What the request wants of a change of password, and what came of it."""

    keep_api_tokens_of: uuid.UUID | None
    ended_api_tokens: int = 0


_password_change: ContextVar[PasswordChange | None] = ContextVar("password_change", default=None)


@contextmanager
def password_change(keep_api_tokens_of: uuid.UUID | None = None) -> Iterator[PasswordChange]:
    """For changes of password made within, in this thread, by an authentication plugin.

    Whether API tokens end is between the user and the server. The plugin is not asked.
    """
    change = PasswordChange(keep_api_tokens_of)
    reset = _password_change.set(change)
    try:
        yield change
    finally:
        _password_change.reset(reset)


def create_user(
    *,
    email: str,
    name: str,
    password: str | None = None,
    password_hash: str | None = None,
    profile: dict[str, Any] | None = None,
    **flags: bool,
) -> User:
    """A new account, with a password or, from a plugin that hashes passwords itself, a PHC string.

    Raises InvalidInput (bad e-mail address, weak password, bad hash) or EmailTaken. If two calls take the
    same address at once, the database lets one succeed.
    """
    user = User(email=validate_email(email), name=name.strip(), profile=profile or {}, **flags)
    set_password(user, password, password_hash)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        if User.objects.filter(email=user.email).exists():
            raise EmailTaken from error
        raise
    return user


def get_user_by_email(email: str) -> User:
    """Raises NotFound."""
    return one_user(USERS.filter(email=normalise_email(email)))


def get_user(user_id: uuid.UUID) -> User:
    """Raises NotFound."""
    return one_user(USERS.filter(pk=user_id))


def update_password(
    user_id: uuid.UUID,
    *,
    password: str | None = None,
    password_hash: str | None = None,
    keep_session_id: uuid.UUID | None = None,
    reset_token: str | None = None,
) -> None:
    """Sets a new password and ends the access that someone may have gained by the old one.

    That is the user's sessions except `keep_session_id`, their reset tokens and, unless `password_change` was
    asked to keep them, their API tokens.

    A `reset_token` must be a valid one of this user. It is used up in the same transaction: it stays valid if
    the password is refused, and of two concurrent calls only one succeeds.

    Raises NotFound or InvalidInput.
    """
    user = get_user(user_id)
    set_password(user, password, password_hash)
    with transaction.atomic():
        if reset_token is not None:
            used = PasswordResetToken.use(reset_token)
            if used is None or used.user_id != user_id:
                raise InvalidInput.at(
                    "/reset_token", "This is not a valid token of this user: it is unknown, used or expired."
                )
        change = _password_change.get()
        keep_api_tokens = change is not None and change.keep_api_tokens_of == user_id
        user.save(update_fields=["password"], keep=Kept(keep_session_id, keep_api_tokens))
    if change is not None:
        change.ended_api_tokens += user.ended_api_tokens


def delete_emailed_tokens(user: User) -> None:
    """Deletes the tokens that were sent to the user's previous e-mail address."""
    for model in (EmailVerificationToken, PasswordResetToken):
        model.objects.filter(user=user).delete()


def verify_password(user_id: uuid.UUID, password: str) -> bool:
    """Whether this is the user's password. False for unknown and disabled users, after the same time."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        run_dummy_check(password)
        return False
    return user.check_password(password) and user.is_active


def password_hash(user: User) -> str:
    """The PHC string of the user's password; empty if the account has no usable password."""
    return to_phc(user.password)


def set_email_verified(user_id: uuid.UUID, verified: bool) -> User:
    """Raises NotFound."""
    user = get_user(user_id)
    user.email_verified = verified
    user.save(update_fields=["email_verified"])
    return user


def update_profile(
    user_id: uuid.UUID, *, name: str | None = None, profile: dict[str, Any] | None = None
) -> User:
    """Replaces the values that are given and leaves the others. Raises NotFound."""
    user = get_user(user_id)
    if name is not None:
        user.name = name.strip()
    if profile is not None:
        user.profile = profile
    user.save(update_fields=["name", "profile"])
    return user


class LastOwner(Problem):
    status = 409
    code = "last-owner"
    title = "The server needs an owner"
    default_detail = "This is the only owner's account. First make another user a superuser, in the admin."


def delete_user(user_id: uuid.UUID) -> None:
    """Deletes the account with its sessions and tokens. Raises NotFound or LastOwner."""
    with transaction.atomic():
        # Locked, so that two owners cannot delete each other at the same time.
        list(User.objects.select_for_update().filter(is_superuser=True))
        user = get_user(user_id)
        if user.is_last_owner:
            raise LastOwner
        Session.objects.filter(user=user).end()
        user.delete()


def validate_email(email: str) -> str:
    """The address in its normalised form. Raises InvalidInput."""
    email = normalise_email(email)
    try:
        User._meta.get_field("email").clean(email_for_sending(email), None)
    except (ValidationError, UnicodeError) as error:
        raise InvalidInput.at("/email", "This is not a valid e-mail address.") from error
    if not has_valid_domain(email):
        raise InvalidInput.at("/email", "This is not a valid e-mail address.")
    return email


def set_password(user: User, password: str | None, password_hash: str | None) -> None:
    """Sets either of them, without saving the user. Raises InvalidInput."""
    if (password is None) == (password_hash is None):
        raise InvalidInput.at("/password", "Give either `password` or `password_hash`.")
    if password_hash is not None:
        user.password = from_phc(password_hash)
        return
    try:
        validate_password(password or "", user)
    except ValidationError as error:
        raise InvalidInput(
            errors=[{"pointer": "/password", "detail": text} for text in error.messages]
        ) from error
    user.set_password(password)


def require_active(user: User) -> User:
    if not user.is_active:
        raise UserDisabled("An administrator must enable it first.")
    return user


def one_user(users: QuerySet[User]) -> User:
    """The user that the query finds. Raises NotFound."""
    user: User | None = one_or_none(users)
    if user is None:
        raise NotFound("There is no such user.")
    return user
