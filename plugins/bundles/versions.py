"""The order of versions, by Semantic Versioning 2.0 (https://semver.org/spec/v2.0.0.html#spec-item-11)."""

from typing import Any


def precedence(version: str) -> tuple[Any, ...]:
    """A sort key: later versions have greater keys. The build (`+…`) does not count."""
    core, _, identifiers = version.partition("+")[0].partition("-")
    numbers = tuple(map(int, core.split(".")))
    # A pre-release comes before its release. Numbers come before words, and fewer identifiers before more.
    return numbers, not identifiers, tuple(map(_identifier, identifiers.split(".")))


def is_prerelease(version: str) -> bool:
    return "-" in version.partition("+")[0]


def _identifier(text: str) -> tuple[bool, int, str]:
    return (False, int(text), "") if text.isdecimal() else (True, 0, text)
