"""What can be done with accounts: the one implementation behind the host API, the web UI and the admin.

Callers hand in checked types; rules about values (is the e-mail free, is the password good) live here.
Every function raises accounts.problems.Problem subclasses and nothing else on purpose. Look-ups of secrets
answer with the row or None, never with a reason: a reason would help somebody who guesses.
"""

import uuid
from datetime import timedelta
from typing import Any, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import events
from accounts.models import (
    MAX_USER_AGENT,
    APIToken,
    EmailVerificationToken,
    OwnerSetupCode,
    PasswordResetToken,
    Session,
    SingleUseSecret,
    User,
    normalise_email,
)
from accounts.passwords import from_phc, spend_a_check, to_phc
from accounts.prepared import PreparedQuery, columns, instance
from accounts.problems import EmailTaken, Forbidden, InvalidInput, NotFound, Problem, UserDisabled
from accounts.tokens import hash_token

T = TypeVar("T", bound=SingleUseSecret)

# Where look-ups of one row begin: made once, and without the models' order, which each would pay for.
_USERS = User.objects.order_by()
_SESSION_COLUMNS = columns(Session)
_SESSION_OF_TOKEN = PreparedQuery(
    lambda token_hash: (
        Session.objects.order_by()
        .filter(token_hash=token_hash, user__is_active=True)
        .values_list(*_SESSION_COLUMNS, *columns(User, "user__"))
    )
)

# --- users --------------------------------------------------------------------------------------------


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
    user = User(email=_check_email(email), name=name.strip(), profile=profile or {}, **flags)
    _set_password(user, password, password_hash)
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
    return _found(_USERS.filter(email=normalise_email(email)))


def get_user(user_id: uuid.UUID) -> User:
    """Raises NotFound."""
    return _found(_USERS.filter(pk=user_id))


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
    _set_password(user, password, password_hash)
    with transaction.atomic():
        if reset_token is not None:
            spent = use_password_reset_token(reset_token)
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


# --- sessions -----------------------------------------------------------------------------------------


def create_session(
    user_id: uuid.UUID, ttl_seconds: int, *, user_agent: str = "", ip_address: str | None = None
) -> tuple[Session, str]:
    """The session and its token, shown this once. Raises NotFound or UserDisabled."""
    with transaction.atomic():
        # Locked, so that an account which is disabled at this moment keeps no session.
        user = _active(_found(_USERS.select_for_update(no_key=True).filter(pk=user_id)))
        session, token = Session.issue(
            user, ttl_seconds, user_agent=user_agent[:MAX_USER_AGENT], ip_address=ip_address
        )
        User.objects.filter(pk=user.pk).update(last_login=session.created_at)
        events.publish("session.created", session.event_data(), to_users=[user.pk])
    return session, token


def own_sessions(user: User) -> QuerySet[Session]:
    """The user's sessions that still open something, latest first."""
    found: QuerySet[Session] = Session.objects.filter(user=user).live()
    return found


def end_own_session(user: User, session_id: uuid.UUID) -> None:
    """Raises NotFound, also for somebody else's."""
    if not Session.objects.filter(user=user, pk=session_id).end():
        raise NotFound("You have no such session.")


def end_other_sessions(user: User, keep: Session) -> int:
    """Ends the user's sessions except for one; how many there were."""
    ended: int = Session.objects.filter(user=user).exclude(pk=keep.pk).end()
    return ended


def get_session(token: str) -> Session | None:
    """The live session of an active user, with the user, or None."""
    rows = _SESSION_OF_TOKEN.rows(hash_token(token))
    if not rows:
        return None
    session: Session = instance(Session, rows[0][: len(_SESSION_COLUMNS)])
    session.user = instance(User, rows[0][len(_SESSION_COLUMNS) :])
    return session if session.expires_at > timezone.now() else None


def delete_session(session_id: uuid.UUID) -> None:
    """Raises NotFound."""
    if not Session.objects.filter(pk=session_id).end():
        raise NotFound("There is no such session.")


def delete_user_sessions(user_id: uuid.UUID) -> int:
    """Ends every session of the user; how many there were. Raises NotFound."""
    ended: int = Session.objects.filter(user=get_user(user_id)).end()
    return ended


def cleanup_expired_sessions() -> int:
    """Removes sessions past their end; how many."""
    ended: int = Session.objects.expired().end()
    return ended


# --- single-use tokens --------------------------------------------------------------------------------


def create_email_verification_token(
    user_id: uuid.UUID, ttl_seconds: int
) -> tuple[EmailVerificationToken, str]:
    """The row and its token, shown this once. Raises NotFound or UserDisabled."""
    return EmailVerificationToken.issue(_active(get_user(user_id)), ttl_seconds)


def get_email_verification_token(token: str) -> EmailVerificationToken | None:
    return _usable(EmailVerificationToken, token)


def use_email_verification_token(token: str) -> EmailVerificationToken | None:
    """The token's row, to exactly one caller; None if it is unknown, used or expired."""
    return EmailVerificationToken.use(token)


def create_password_reset_token(user_id: uuid.UUID, ttl_seconds: int) -> tuple[PasswordResetToken, str]:
    """The row and its token, shown this once. Raises NotFound or UserDisabled."""
    return PasswordResetToken.issue(_active(get_user(user_id)), ttl_seconds)


def get_password_reset_token(token: str) -> PasswordResetToken | None:
    return _usable(PasswordResetToken, token)


def use_password_reset_token(token: str) -> PasswordResetToken | None:
    """The token's row, to exactly one caller; None if it is unknown, used or expired."""
    return PasswordResetToken.use(token)


def cleanup_expired_tokens() -> int:
    """Removes verification and reset tokens past their end; how many."""
    return sum(model.objects.expired().delete()[0] for model in (EmailVerificationToken, PasswordResetToken))


# --- API tokens ---------------------------------------------------------------------------------------

MAX_API_TOKENS = 100
_USED_EVERY = timedelta(minutes=1)


class TooManyTokens(Problem):
    status = 409
    code = "too-many-tokens"
    title = "You have too many tokens"
    default_detail = f"A person may have {MAX_API_TOKENS}, those that have expired included. Revoke some."


def create_api_token(
    user: User, *, name: str, scopes: list[str], expires_in_days: int, plugin: str = ""
) -> tuple[APIToken, str]:
    """The row and its secret, shown this once. The caller checks which scopes the user may give.

    Raises NotFound and TooManyTokens.
    """
    ttl_seconds = expires_in_days * 24 * 3600
    with transaction.atomic():
        user = _found(_USERS.select_for_update(no_key=True).filter(pk=user.pk))  # one at a time
        if APIToken.objects.filter(user=user).count() >= MAX_API_TOKENS:
            raise TooManyTokens
        return APIToken.issue(user, ttl_seconds, name=name, scopes=sorted(set(scopes)), plugin=plugin)


def get_api_token(token: str) -> APIToken | None:
    """The live token of an active user, with the user, or None. Notes that it was used, to the minute."""
    rows = APIToken.objects.for_token(token).live().filter(user__is_active=True)
    found: APIToken | None = _only(rows.select_related("user").order_by())
    now = timezone.now()
    if found is not None and (found.last_used_at is None or found.last_used_at < now - _USED_EVERY):
        APIToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found


def delete_api_token(user: User, token_id: uuid.UUID) -> None:
    """Raises NotFound, also for somebody else's."""
    if not _revoke(APIToken.objects.filter(pk=token_id, user=user)):
        raise NotFound("There is no such token.")


def delete_plugin_tokens(plugin: str) -> None:
    """Ends the service tokens of a plugin, given by its slug."""
    _revoke(APIToken.objects.filter(plugin=plugin))


def _revoke(tokens: "QuerySet[APIToken]") -> int:
    """Removes them with all that was begun with them; how many there were."""
    with transaction.atomic():
        # Locked, or what is begun with one at this moment could keep it from being removed.
        found = list(tokens.select_for_update(of=("self",)).values_list("pk", flat=True))
        tokens.delete()
    return len(found)


# --- the owner ----------------------------------------------------------------------------------------


class SetupDone(Problem):
    status = 409
    code = "setup-done"
    title = "The owner account exists already"
    default_detail = "Log in instead."


class SetupCodeWrong(Forbidden):
    code = "setup-code-wrong"
    title = "This is not the one-time code"
    default_detail = "Copy the code from the server's console; each start prints a new one."


def owner_exists() -> bool:
    return User.objects.filter(is_superuser=True).exists()


def replace_setup_code(code: str) -> None:
    """From now on this code, and no earlier one, makes the owner."""
    with transaction.atomic():
        OwnerSetupCode.objects.filter(used_at=None).delete()
        OwnerSetupCode.objects.create(code_hash=hash_token(code))


def create_owner(*, code: str, email: str, name: str, password: str) -> User:
    """The first administrator, with every right. Raises SetupDone, SetupCodeWrong, InvalidInput, EmailTaken.

    The code is spent in the same transaction: a refused password leaves it good, and of two callers at
    once one wins.
    """
    with transaction.atomic():
        if owner_exists():
            raise SetupDone
        usable = OwnerSetupCode.objects.filter(used_at=None, code_hash=hash_token(code.strip().upper()))
        if usable.update(used_at=timezone.now()) != 1:
            raise SetupCodeWrong
        return create_user(
            email=email, name=name, password=password, email_verified=True, is_staff=True, is_superuser=True
        )


# --- shared -------------------------------------------------------------------------------------------


def _check_email(email: str) -> str:
    email = normalise_email(email)
    try:
        User._meta.get_field("email").clean(email, None)
    except ValidationError as error:
        raise InvalidInput.at("/email", "This is not an e-mail address.") from error
    return email


def _set_password(user: User, password: str | None, password_hash: str | None) -> None:
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


def _active(user: User) -> User:
    if not user.is_active:
        raise UserDisabled("An administrator has to enable it first.")
    return user


def _usable(model: type[T], token: str) -> T | None:
    rows = model.objects.for_token(token).live().filter(used_at=None, user__is_active=True)
    found: T | None = _only(rows.select_related("user").order_by())
    return found


def _only(rows: Any) -> Any:
    """The one row there is, or None. Not first(), which sorts, on the path of every request."""
    return next(iter(rows), None)


def _found(users: QuerySet[User]) -> User:
    user: User | None = _only(users)
    if user is None:
        raise NotFound("There is no such user.")
    return user
