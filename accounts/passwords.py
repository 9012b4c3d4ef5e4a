"""Password hashes: Argon2id with OWASP's parameters, in PHC strings that any Argon2 library can read.

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

import base64
import re
import unicodedata
from functools import cache
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from core.problems import InvalidInput

# As strict as the C library's parser. Otherwise a bad string would only be noticed at the next log-in.
_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
# Django stores "<algorithm><encoded>"; for Argon2 that is this word before the PHC string.
_PREFIX = "argon2"


def normalise_password(password: str) -> str:
    """The form that is hashed and that the rules read: NFKC, as NIST SP 800-63B (3.1.1.2) recommends.

    Keyboards and systems type one password differently: é as one character or two, letters in full width.
    """
    return unicodedata.normalize("NFKC", password)


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id, 19 MiB, two passes, one lane, of the normalised password."""

    memory_cost = 19456
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return super().encode(normalise_password(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Also tries the password as typed: older hashes and those made by plugins are not normalised."""
        normalised = normalise_password(password)
        if super().verify(normalised, encoded):
            return True
        return password != normalised and super().verify(password, encoded)

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """What the admin shows about a password: the parameters of its hash, but no part of the hash."""
        decoded = self.decode(encoded)
        shown = ("variety", "version", "memory_cost", "time_cost", "parallelism")
        return {name: decoded[name] for name in shown}


def to_phc(stored: str) -> str:
    """A stored password as a PHC string (`$argon2id$…`); empty if it is unusable."""
    return stored.removeprefix(_PREFIX) if stored.startswith(f"{_PREFIX}$") else ""


def from_phc(phc: str) -> str:
    """A guest's PHC string in the form that Django stores. Raises InvalidInput.

    Its cost parameters are limited in both directions: low ones make the password easy to guess, and high
    ones would stall the server at every log-in.
    """
    match = _PHC.fullmatch(phc)
    if match is None:
        raise _bad_hash("is not a PHC string such as $argon2id$v=19$m=19456,t=2,p=1$…")
    memory_kib, passes = int(match[1]), int(match[2])
    if not (19456 <= memory_kib <= 65536 and 2 <= passes <= 4):
        raise _bad_hash("must have m from 19456 to 65536, t from 2 to 4, p=1")
    if not (16 <= _byte_length(match[3]) <= 64 and 32 <= _byte_length(match[4]) <= 64 and len(phc) <= 120):
        raise _bad_hash(
            "must have a salt of 16 to 64 bytes, a hash of 32 to 64 bytes and at most 120 characters in all"
        )
    return _PREFIX + phc


def _byte_length(unpadded: str) -> int:
    """How many bytes this base64 encodes; 0 if it is invalid or not in canonical form."""
    try:
        data = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    except ValueError:
        return 0
    return len(data) if base64.b64encode(data).decode().rstrip("=") == unpadded else 0


def _bad_hash(reason: str) -> InvalidInput:
    return InvalidInput.at("/password_hash", f"The password hash {reason}.")


def run_dummy_check(password: str) -> None:
    """Takes as long as a real password check, so that response times do not reveal which accounts exist."""
    check_password(password, _dummy_hash())


@cache
def _dummy_hash() -> str:
    return make_password("no account has this password")
