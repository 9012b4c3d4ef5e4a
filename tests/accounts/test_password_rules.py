"""accounts.password_rules: which passwords are refused, and that no composition is asked for."""

import secrets

import pytest
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts import password_rules
from accounts.models import User

ALICE = User(email="alice.liddell@wonderland.example", name="Alice Pleasance Liddell")


def codes(password: str, user: User | None = ALICE) -> list[str | None]:
    try:
        validate_password(password, user)
    except ValidationError as refused:
        return [error.code for error in refused.error_list]
    return []


@pytest.mark.parametrize(
    "password",
    [
        "a long walk at dusk", "x7!kQp2w", "пароль-и-ещё", "🐢🐢🐢🐢🐢🐢🐢🐢", "x" * 100 + "y" * 28,
        "83920175648302917465", "40718529", "&^%$#@!*()_+", "&^%$3#@!*()", "QWHZKPTNVM", "日本語のパスワード",
    ],
)  # fmt: skip
def test_any_composition_is_allowed(password: str) -> None:
    assert codes(password) == []


def test_random_numbers_are_allowed() -> None:
    refused = [number for number in (f"{secrets.randbelow(10**20):020}" for _ in range(500)) if codes(number)]
    assert refused == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_too_short"),
        ("", "password_too_short"),
        ("x" * 129, "password_too_long"),
        ("e\u0301" * 7, "password_too_short"),  # seven characters once composed
        ("\ufdfa" * 5, "password_too_short"),  # five characters as typed
        ("㌀" * 40, "password_too_long"),  # 160 characters once composed
    ],
)
def test_lengths_count_as_typed_and_as_hashed(password: str, code: str) -> None:
    assert code in codes(password)


COMMON = ["password", "password123", "iloveyou", "12345678", "qwertyuiop", "1q2w3e4r5t", "basketball1"]


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


@pytest.mark.parametrize("common", COMMON)
@pytest.mark.parametrize(
    "vary",
    [
        str, str.upper, str.title, full_width, " ".join, "\u200b".join, "\u00ad".join, "\ufe0f".join,
        lambda text: f"  {text}   ", lambda text: f"\u3000{text}\u2003", lambda text: f"{text}!!!!!!!!!!!!",
        lambda text: f"...{text}...", lambda text: f"{text}!", lambda text: f"xxxx{text}",
        lambda text: f"{text}0000000", lambda text: f"--{full_width(text.upper())}\u200b--",
        lambda text: f"{text}\u3164\u2800",
    ],
)  # fmt: skip
def test_variants_of_common_passwords_are_refused(common: str, vary: object) -> None:
    assert callable(vary)
    assert "password_too_common" in codes(vary(common))


@pytest.mark.parametrize("short", ["qwerty", "monkey", "123456"])
def test_padding_does_not_make_a_short_common_password_long_enough(short: str) -> None:
    for padded in (short + " " * 8, short + "!!", f"{short}\u200b\u200b", f"~~{short}~~", short + "aaaa"):
        assert "password_too_common" in codes(padded)


def test_the_list_is_sorted_and_holds_the_commonest_hundred_thousand() -> None:
    keys = password_rules.COMMON_PASSWORDS.read_bytes()
    entries = [
        keys[at : at + password_rules.KEY_BYTES] for at in range(0, len(keys), password_rules.KEY_BYTES)
    ]
    assert entries == sorted(set(entries))
    assert len(entries) > 100_000
    # The last lines of the 100,000 that are long enough to count.
    assert all(map(password_rules.is_common, ("07021991", "070162", "070790")))


@pytest.mark.parametrize(
    "password",
    [
        "hostbridge", "Hostbridge!", "HOSTBRIDGE2024", "host-bridge-1234", "my hostbridge",
        full_width("hostbridge99"),
        "AlicePleasance", "alice123", "liddell-alice", "aliceliddell2024", "Pleasance1862",
        "alice alice alice",
        "alice.liddell@wonderland.example", "wonderland77", "al\u200bice.liddell", "1862LIDDELL",
    ],
)  # fmt: skip
def test_context_words_are_refused(password: str) -> None:
    assert "password_too_similar" in codes(password)


def test_the_servers_own_host_name_is_a_context_word(settings: object) -> None:
    settings.PUBLIC_URL = "https://tools.looking-glass.org"  # type: ignore[attr-defined]
    for password in ("lookingglass", "Looking-Glass-1", "tools12345"):
        assert "password_too_similar" in codes(password)
    assert codes("looking for a rabbit in a glass house") == []


@pytest.mark.parametrize(
    "password", ["alice walks through the looking glass", "a hostbridge of seven herons", "liddell+83920175"]
)
def test_a_long_passphrase_may_contain_a_context_word(password: str) -> None:
    assert codes(password) == []


@pytest.mark.parametrize(
    "user",
    [None, User(), User(email="a@b.example", name="Al"), User(email="x", name="李"), User(name="1234567")],
)
def test_short_or_missing_names_refuse_nothing(user: User | None) -> None:
    assert codes("albatross over ice", user) == []
    assert codes("12345670001234567", user) == []


@given(st.text(max_size=140), st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_judged_without_an_error(password: str, name: str, email: str) -> None:
    codes(password, User(email=email, name=name))


def test_help_texts_name_the_lengths() -> None:
    assert "8 to 128" in password_validators_help_texts()[0]
