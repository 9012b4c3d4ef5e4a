"""How passwords are kept: Argon2id with OWASP's parameters, as PHC strings that any Argon2 library reads.

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

import base64
import re
from functools import cache
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.core.exceptions import ValidationError

from core.problems import InvalidInput

# As strict as the C library's reader, which otherwise meets the string only when somebody logs in.
_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
# Django stores "<algorithm><encoded>"; for Argon2 that is this word before the PHC string.
_PREFIX = "argon2"


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id, 19 MiB, two passes, one lane."""

    memory_cost = 19456
    time_cost = 2
    parallelism = 1

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """What the admin shows of a password: how it is kept, and not even a part of the hash."""
        found = self.decode(encoded)
        return {
            name: found[name] for name in ("variety", "version", "memory_cost", "time_cost", "parallelism")
        }


class MaximumLengthValidator:
    """Refuses passwords too long to be meant: hashing them only costs time."""

    def __init__(self, max_length: int = 128) -> None:
        self.max_length = max_length

    def validate(self, password: str, user: object = None) -> None:
        if len(password) > self.max_length:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return f"The password may have at most {self.max_length} characters."


def to_phc(stored: str) -> str:
    """A stored password as a PHC string (`$argon2id$…`); empty if it is unusable."""
    return stored.removeprefix(_PREFIX) if stored.startswith(f"{_PREFIX}$") else ""


def from_phc(phc: str) -> str:
    """A guest's PHC string as Django stores it.

    The string comes from a plugin: its costs are bounded on both sides, for a weak hash would be a weak
    account and a huge one would stall the server at each later log-in.

    Raises InvalidInput.
    """
    found = _PHC.fullmatch(phc)
    if found is None:
        raise _bad_hash("is not a PHC string such as $argon2id$v=19$m=19456,t=2,p=1$…")
    memory_kib, passes = int(found[1]), int(found[2])
    if not (19456 <= memory_kib <= 65536 and 2 <= passes <= 4):
        raise _bad_hash("must have m from 19456 to 65536, t from 2 to 4, p=1")
    if not (16 <= _byte_length(found[3]) <= 64 and 32 <= _byte_length(found[4]) <= 64 and len(phc) <= 120):
        raise _bad_hash("must have a salt of 16 to 64 bytes and a hash of 32 to 64, 120 characters in all")
    return _PREFIX + phc


def _byte_length(unpadded: str) -> int:
    """How many bytes stand in this base64; 0 if there is another, canonical way to write them."""
    try:
        data = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    except ValueError:
        return 0
    return len(data) if base64.b64encode(data).decode().rstrip("=") == unpadded else 0


def _bad_hash(why: str) -> InvalidInput:
    return InvalidInput.at("/password_hash", f"The password hash {why}.")


def spend_a_check(password: str) -> None:
    """Takes the time of a password check, so that an unknown account can't be told by the clock."""
    check_password(password, _dummy())


@cache
def _dummy() -> str:
    return make_password("no account has this password")
