"""E-mail verification and password reset tokens: create, look up, use."""

import uuid
from typing import TypeVar

from accounts.models import EmailVerificationToken, PasswordResetToken, SingleUseSecret
from accounts.users import get_user, require_active
from core.prepared_query import one_or_none

T = TypeVar("T", bound=SingleUseSecret)


def create_email_verification_token(
    user_id: uuid.UUID, ttl_seconds: int
) -> tuple[EmailVerificationToken, str]:
    """The row and its token, which is shown only once. Raises NotFound or UserDisabled."""
    return EmailVerificationToken.issue(require_active(get_user(user_id)), ttl_seconds)


def get_email_verification_token(token: str) -> EmailVerificationToken | None:
    return _usable(EmailVerificationToken, token)


def use_email_verification_token(token: str) -> EmailVerificationToken | None:
    """Marks the token as used and returns its row; None if it is unknown, used or expired.

    Of any number of concurrent callers only one gets the row.
    """
    return EmailVerificationToken.use(token)


def create_password_reset_token(user_id: uuid.UUID, ttl_seconds: int) -> tuple[PasswordResetToken, str]:
    """The row and its token, which is shown only once. Raises NotFound or UserDisabled."""
    return PasswordResetToken.issue(require_active(get_user(user_id)), ttl_seconds)


def get_password_reset_token(token: str) -> PasswordResetToken | None:
    return _usable(PasswordResetToken, token)


def use_password_reset_token(token: str) -> PasswordResetToken | None:
    """Marks the token as used and returns its row; None if it is unknown, used or expired.

    Of any number of concurrent callers only one gets the row.
    """
    return PasswordResetToken.use(token)


def cleanup_expired_tokens() -> int:
    """Deletes expired verification and reset tokens. Returns how many there were."""
    return sum(model.objects.expired().delete()[0] for model in (EmailVerificationToken, PasswordResetToken))


def _usable(model: type[T], token: str) -> T | None:
    rows = model.objects.for_token(token).live().filter(used_at=None, user__is_active=True)
    found: T | None = one_or_none(rows.select_related("user").order_by())
    return found
