"""E-mail verification and password reset tokens."""

import uuid
from typing import TypeVar

from accounts.models import (
    EmailVerificationToken,
    PasswordResetToken,
    SingleUseSecret,
)
from accounts.users import active_user, get_user
from core.prepared_query import one_or_none

T = TypeVar("T", bound=SingleUseSecret)


def create_email_verification_token(
    user_id: uuid.UUID, ttl_seconds: int
) -> tuple[EmailVerificationToken, str]:
    """The row and its token, shown this once. Raises NotFound or UserDisabled."""
    return EmailVerificationToken.issue(active_user(get_user(user_id)), ttl_seconds)


def get_email_verification_token(token: str) -> EmailVerificationToken | None:
    return usable(EmailVerificationToken, token)


def use_email_verification_token(token: str) -> EmailVerificationToken | None:
    """The token's row, to exactly one caller; None if it is unknown, used or expired."""
    return EmailVerificationToken.use(token)


def create_password_reset_token(user_id: uuid.UUID, ttl_seconds: int) -> tuple[PasswordResetToken, str]:
    """The row and its token, shown this once. Raises NotFound or UserDisabled."""
    return PasswordResetToken.issue(active_user(get_user(user_id)), ttl_seconds)


def get_password_reset_token(token: str) -> PasswordResetToken | None:
    return usable(PasswordResetToken, token)


def use_password_reset_token(token: str) -> PasswordResetToken | None:
    """The token's row, to exactly one caller; None if it is unknown, used or expired."""
    return PasswordResetToken.use(token)


def cleanup_expired_tokens() -> int:
    """Removes verification and reset tokens past their end; how many."""
    return sum(model.objects.expired().delete()[0] for model in (EmailVerificationToken, PasswordResetToken))


def usable(model: type[T], token: str) -> T | None:
    rows = model.objects.for_token(token).live().filter(used_at=None, user__is_active=True)
    found: T | None = one_or_none(rows.select_related("user").order_by())
    return found
