"""Which new passwords are refused: short, very long, common ones, and variants of the names they protect.

As NIST SP 800-63B and OWASP ASVS ask, any mix of characters is allowed. Every rule reads the password in the
form that is hashed (`normalise_password`).
"""

import hashlib
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.password_validation import (
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
)
from django.core.exceptions import ValidationError

from accounts.passwords import normalise_password

SITE_NAME = "Hostbridge"
COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.bin")
KEY_BYTES = 5  # 40 bits: of ten million uncommon passwords, about one is refused by mistake

_MIN_CONTEXT_WORD = 3  # characters; anything shorter is part of too many other words
_SHORTEST_REST = 8  # characters that must remain without the context words
# Invisible characters outside the categories Cc, Cf and Z: joiners, fillers, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# One symbol in front or behind, once or repeated, or a letter or digit that is repeated.
_PADDING_BEFORE = re.compile(r"^(?:([\W_])\1*|(\w)\2+)")
_PADDING_BEHIND = re.compile(r"(?:([\W_])\1*|(\w)\2+)$")


class LengthValidator(MinimumLengthValidator):
    """Counts characters as typed and as hashed: NFKC makes one of several, or several of one."""

    def __init__(self, min_length: int = 8, max_length: int = 128) -> None:
        super().__init__(min_length)
        self.max_length = max_length

    def validate(self, password: str, user: object = None) -> None:
        lengths = len(password), len(normalise_password(password))
        if min(lengths) < self.min_length:
            super().validate("")
        if max(lengths) > self.max_length:
            raise ValidationError(
                f"The password may have at most {self.max_length} characters.", code="password_too_long"
            )

    def get_help_text(self) -> str:
        return f"Your password must have {self.min_length} to {self.max_length} characters."


class CommonPasswordValidator:
    """Refuses common passwords in any case and width, with spaces, invisible characters or padding."""

    def validate(self, password: str, user: object = None) -> None:
        if any(is_common(variant) for variant in _without_padding(fold(password))):
            raise ValidationError("This password is too common.", code="password_too_common")

    def get_help_text(self) -> str:
        return "Your password must not be a common one."


class ContextWordValidator(UserAttributeSimilarityValidator):
    """Refuses passwords made of, or similar to, the site's name or the user's own name or e-mail address.

    A long passphrase may contain such a word: what remains without them must be long enough by itself.
    """

    def validate(self, password: str, user: Any = None) -> None:
        password = normalise_password(password)
        rest = _letters_and_digits(password)
        for word in sorted(context_words(user), key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != _letters_and_digits(password) and len(rest) < _SHORTEST_REST:
            raise ValidationError(
                "The password is too similar to your name, your e-mail address or this site's name.",
                code="password_too_similar",
            )
        super().validate(password, user)

    def get_help_text(self) -> str:
        return "Your password must not be your name, e-mail address or this site's name with little added."


def context_words(user: Any) -> set[str]:
    """The names of the site and of the user, whole and in parts."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    texts = [SITE_NAME, host.rpartition(".")[0] or host]
    if user is not None:
        local, _, domain = str(getattr(user, "email", "") or "").rpartition("@")
        texts += [str(getattr(user, "name", "") or ""), local, f"{local}@{domain}", domain.rpartition(".")[0]]
    words = {
        _letters_and_digits(word) for text in texts for word in (text, *re.split(r"[\W_]+", text)) if word
    }
    return {word for word in words if len(word) >= _MIN_CONTEXT_WORD and not word.isdigit()}


def is_common(folded: str) -> bool:
    """Whether a folded password is on the list."""
    keys = _keys()
    key = common_password_key(folded)
    low, high = 0, len(keys) // KEY_BYTES
    while low < high:
        middle = (low + high) // 2
        found = keys[middle * KEY_BYTES : (middle + 1) * KEY_BYTES]
        if found == key:
            return True
        low, high = (middle + 1, high) if found < key else (low, middle)
    return False


def common_password_key(folded: str) -> bytes:
    return hashlib.sha256(folded.encode(errors="surrogatepass")).digest()[:KEY_BYTES]


def fold(password: str) -> str:
    """In lower case, without spaces and invisible characters."""
    text = _INVISIBLE.sub("", normalise_password(password).casefold())
    return "".join(
        char
        for char in text
        if unicodedata.category(char)[0] != "Z" and unicodedata.category(char) not in {"Cc", "Cf"}
    )


def _without_padding(folded: str) -> set[str]:
    before, behind = _PADDING_BEFORE.sub("", folded), _PADDING_BEHIND.sub("", folded)
    return {folded, before, behind, _PADDING_BEHIND.sub("", before)} - {""}


def _letters_and_digits(text: str) -> str:
    return "".join(char for char in normalise_password(text).casefold() if char.isalnum())


@cache
def _keys() -> bytes:
    """The sorted keys of the list: half a megabyte, where a set of strings would take ten."""
    return COMMON_PASSWORDS.read_bytes()
