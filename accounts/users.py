"""User accounts."""

import uuid
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import (
    EmailVerificationToken,
    PasswordResetToken,
    Session,
    User,
    normalise_email,
)
from accounts.passwords import from_phc, spend_a_check, to_phc
from core.prepared_query import one_or_none
from core.problems import InvalidInput, NotFound, Problem


class EmailTaken(Problem):
    status = 409
    code = "email-taken"
    title = "This e-mail already has an account"
    default_detail = "Log in with it, or use another e-mail."


class UserDisabled(Problem):
    status = 409
    code = "user-disabled"
    title = "This account is disabled"


# Where look-ups of one row begin: made once, and without the models' order, which each would pay for.
USERS = User.objects.order_by()


def create_user(
    *,
    email: str,
    name: str,
    password: str | None = None,
    password_hash: str | None = None,
    profile: dict[str, Any] | None = None,
    **flags: bool,
) -> User:
    """A new account with a password or, from a plugin that hashes itself, a PHC string.

    Raises InvalidInput (bad e-mail, weak password, bad hash) or EmailTaken, also when somebody else takes
    the e-mail at the same moment: the database decides.
    """
    user = User(email=check_email(email), name=name.strip(), profile=profile or {}, **flags)
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
    return found_user(USERS.filter(email=normalise_email(email)))


def get_user(user_id: uuid.UUID) -> User:
    """Raises NotFound."""
    return found_user(USERS.filter(pk=user_id))


def update_password(
    user_id: uuid.UUID,
    *,
    password: str | None = None,
    password_hash: str | None = None,
    keep_session_id: uuid.UUID | None = None,
    reset_token: str | None = None,
) -> None:
    """Sets a new password and ends the user's other sessions: whoever knew the old one is out.

    With `reset_token`, one of this user's, only if it is good. It is spent in the same transaction: a refused
    password leaves it good, and of two callers at once one wins.

    Raises NotFound or InvalidInput.
    """
    user = get_user(user_id)
    set_password(user, password, password_hash)
    with transaction.atomic():
        if reset_token is not None:
            spent = PasswordResetToken.use(reset_token)
            if spent is None or spent.user_id != user_id:
                raise InvalidInput.at(
                    "/reset_token", "It is no good token of this user: unknown, used or expired."
                )
        user.save(update_fields=["password"])
        end_access_by_old_password(user, keep_session_id)


def end_access_by_old_password(user: User, keep_session_id: uuid.UUID | None = None) -> None:
    """Ends the user's sessions, except the one to keep, and voids what could reset the password."""
    with transaction.atomic():
        Session.objects.filter(user=user).exclude(pk=keep_session_id).end()
        PasswordResetToken.objects.filter(user=user).delete()


def void_links(user: User) -> None:
    """Ends what was sent to the user's address: it is another's now."""
    for model in (EmailVerificationToken, PasswordResetToken):
        model.objects.filter(user=user).delete()


def verify_password(user_id: uuid.UUID, password: str) -> bool:
    """Whether it is this user's password. Unknown and disabled users cost the same time and get False."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        spend_a_check(password)
        return False
    return user.check_password(password) and user.is_active


def password_hash(user: User) -> str:
    """The PHC string of the user's password; empty if no password opens the account."""
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
    """Replaces what is given and leaves the rest. Raises NotFound."""
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
    title = "Somebody has to own this server"
    default_detail = "This is the only owner's account; make another owner first."


def delete_user(user_id: uuid.UUID) -> None:
    """Removes the account with its sessions and tokens. Raises NotFound, or LastOwner."""
    with transaction.atomic():
        # Locked, so that two owners who delete each other do not both succeed.
        list(User.objects.select_for_update().filter(is_superuser=True))
        user = get_user(user_id)
        if user.is_last_owner:
            raise LastOwner
        Session.objects.filter(user=user).end()
        user.delete()


def check_email(email: str) -> str:
    email = normalise_email(email)
    try:
        User._meta.get_field("email").clean(email, None)
    except ValidationError as error:
        raise InvalidInput.at("/email", "This is not an e-mail address.") from error
    return email


def set_password(user: User, password: str | None, password_hash: str | None) -> None:
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


def active_user(user: User) -> User:
    if not user.is_active:
        raise UserDisabled("An administrator has to enable it first.")
    return user


def found_user(users: QuerySet[User]) -> User:
    user: User | None = one_or_none(users)
    if user is None:
        raise NotFound("There is no such user.")
    return user
