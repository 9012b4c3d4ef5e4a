"""Creates the owner's account with the one-time setup code."""

from django.db import transaction
from django.utils import timezone

from accounts.models import (
    OwnerSetupCode,
    User,
)
from accounts.users import create_user
from core.problems import Forbidden, Problem
from core.secrets import hash_token


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
