"""Creates the owner's account with a one-time code."""

from django.db import transaction
from django.utils import timezone

from accounts.models import OwnerSetupCode, User
from accounts.users import create_user
from core.problems import Forbidden, Problem
from core.secrets import hash_token


class SetupDone(Problem):
    status = 409
    code = "setup-done"
    title = "This server already has an owner"
    default_detail = "Log in instead."


class SetupCodeWrong(Forbidden):
    code = "setup-code-wrong"
    title = "Wrong one-time code"
    default_detail = "Copy the code from the server's console. Each start prints a new one."


def owner_exists() -> bool:
    return User.objects.filter(is_superuser=True).exists()


def replace_setup_code(code: str) -> None:
    """Makes this code valid, and no earlier one."""
    with transaction.atomic():
        OwnerSetupCode.objects.filter(used_at=None).delete()
        OwnerSetupCode.objects.create(code_hash=hash_token(code))


def create_owner(*, code: str, email: str, name: str, password: str) -> User:
    """Creates the first administrator, with all rights.

    The code is used up in the same transaction: it stays valid if the password is refused, and of two
    concurrent calls only one succeeds.

    Raises SetupDone, SetupCodeWrong, InvalidInput or EmailTaken.
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
