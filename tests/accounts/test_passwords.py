"""Argon2id, the same on the host and in a guest: PHC strings in and out."""

from base64 import b64encode

import argon2
import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts import passwords, users
from accounts.models import User
from accounts.passwords import from_phc, to_phc
from core.problems import InvalidInput
from tests.conftest import PASSWORD

SALT = "c2FsdHNhbHRzYWx0c2FsdA"
HASH = "E+USLAd0kgS/XNbwKMGFaNBIBSpQmM4AB+s7OmPCWxM"
PHC = f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${HASH}"


def guest_hash(password: str, **options: int) -> str:
    """What another Argon2 library makes: a salt of 16 random bytes, where Django takes 22 characters."""
    costs = {"memory_cost": 19456, "time_cost": 2, "parallelism": 1, "salt_len": 16, "hash_len": 32}
    return argon2.PasswordHasher(**(costs | options)).hash(password)


def test_passwords_are_kept_as_argon2id_with_the_parameters_of_owasp() -> None:
    stored = make_password(PASSWORD)
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    found = argon2.extract_parameters(to_phc(stored))
    assert found.type is argon2.Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19456, 2, 1)
    assert found.hash_len == 32
    assert found.salt_len >= 16


def test_the_same_password_never_gives_the_same_hash() -> None:
    assert make_password(PASSWORD) != make_password(PASSWORD)


def test_any_argon2_library_reads_what_the_host_keeps() -> None:
    assert argon2.PasswordHasher().verify(to_phc(make_password(PASSWORD)), PASSWORD)


def test_the_host_reads_what_another_library_made() -> None:
    stored = from_phc(guest_hash(PASSWORD))
    assert check_password(PASSWORD, stored)
    assert not check_password(PASSWORD + "!", stored)


@pytest.mark.parametrize("options", [{"memory_cost": 65536}, {"time_cost": 4}, {"hash_len": 40}])
def test_a_stronger_hash_is_taken_too(options: dict[str, int]) -> None:
    assert check_password(PASSWORD, from_phc(guest_hash(PASSWORD, **options)))


def test_an_account_hashed_by_a_guest_logs_in_to_the_admin(db: None) -> None:
    users.create_user(
        email="dora@example.com", name="Dora", password_hash=guest_hash(PASSWORD), is_staff=True
    )
    browser = Client()
    form = {"username": "Dora@Example.com", "password": PASSWORD}
    assert browser.post("/admin/login/", form | {"password": "something else"}).status_code == 200
    assert browser.get("/admin/").status_code == 302
    assert browser.post("/admin/login/?next=/admin/", form).status_code == 302
    assert browser.get("/admin/").status_code == 200


def test_an_account_hashed_by_the_host_verifies_in_a_guest(alice: User) -> None:
    assert argon2.PasswordHasher().verify(users.password_hash(alice), PASSWORD)


@pytest.mark.parametrize("stored", ["", "!unusable", "argon2id", "md5$salt$hash"])
def test_what_is_no_argon2_hash_is_never_handed_out(stored: str) -> None:
    assert to_phc(stored) == ""


def test_a_hash_goes_in_and_comes_out_unchanged() -> None:
    assert to_phc(from_phc(PHC)) == PHC


@pytest.mark.parametrize(
    "costs",
    [
        "m=19455,t=2,p=1",  # too little memory
        "m=8,t=2,p=1",
        "m=65537,t=2,p=1",  # so much that each log-in would stall the server
        "m=4294967295,t=2,p=1",
        "m=99999999999999999999,t=2,p=1",
        "m=19456,t=1,p=1",
        "m=19456,t=5,p=1",
        "m=19456,t=4294967295,p=1",
        "m=19456,t=2,p=2",
        "m=19456,t=2,p=0",
        "m=0,t=0,p=0",
    ],
)
def test_costs_out_of_bounds_are_refused(costs: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        from_phc(f"$argon2id$v=19${costs}${SALT}${HASH}")
    assert refused.value.errors[0]["pointer"] == "/password_hash"


@pytest.mark.parametrize(
    "phc",
    [
        "",
        "$",
        "$$$$$",
        "a password",
        PHC.removeprefix("$"),
        "argon2" + PHC,
        "!" + PHC,
        " " + PHC,
        PHC + "\n",
        PHC + "\x00",
        PHC + "=",
        PHC + "$",
        PHC.replace("argon2id", "argon2i"),
        PHC.replace("argon2id", "argon2d"),
        PHC.replace("v=19", "v=16"),
        PHC.replace("v=19$", ""),
        PHC.replace("v=19", "v=\uff11\uff19"),
        PHC.replace("m=19456", "m=19_456"),
        PHC.replace("m=19456", "m=+19456"),
        PHC.replace("m=19456", "m=019456"),
        PHC.replace("m=19456,t=2", "t=2,m=19456"),
        PHC.replace("p=1", "p=1,m=4000000"),
        PHC.replace("p=1", "p=1,keyid=AA"),
        PHC.replace("m=19456,t=2,p=1", "m=19456,t=2"),
        PHC.replace(SALT, ""),
        PHC.replace(SALT, "!" * 22),
        PHC.replace(SALT, "é" * 22),
        PHC.replace(SALT, SALT[:-2]),  # 15 bytes
        PHC.replace(SALT, SALT + "AAA"),  # no length that base64 can have
        PHC.replace(SALT, SALT[:-1] + "B"),  # bits beyond the last byte
        PHC.replace(HASH, ""),
        PHC.replace(HASH, HASH[:41] + "A"),  # 31 bytes
        PHC.replace(HASH, HASH[:-1]),
        PHC.replace(HASH, HASH[:-1] + "N"),
        PHC.replace(HASH, "A" * 2000),
        PHC.replace(SALT, "A" * 2000),
        "$2b$12$KIXQ4S1Yk1Zt1Zt1Zt1Zt.1Zt1Zt1Zt1Zt1Zt1Zt1Zt1Zt1Zt1Zt",
    ],
)
def test_hostile_or_foreign_hashes_are_refused_before_they_are_stored(phc: str) -> None:
    with pytest.raises(InvalidInput):
        from_phc(phc)


@given(st.text(alphabet="$argon2idvmtp=,0123456789+/AZz\n\u0660é", max_size=140) | st.text(max_size=140))
def test_any_text_is_refused_as_invalid_input_or_nothing_worse(text: str) -> None:
    with pytest.raises(InvalidInput):
        from_phc(text)


def unpadded(sizes: tuple[int, int]) -> st.SearchStrategy[str]:
    """Base64 as PHC strings write it, sometimes with a last character too few, or another one."""
    text = st.binary(min_size=sizes[0], max_size=sizes[1]).map(
        lambda raw: b64encode(raw).decode().rstrip("=")
    )
    return text | text.map(lambda text: text[:-1]) | text.map(lambda text: text[:-1] + "B")


@settings(max_examples=50, deadline=None)
@given(salt=unpadded((15, 32)), digest=unpadded((31, 40)))
def test_what_is_taken_can_be_read_at_the_next_log_in(salt: str, digest: str) -> None:
    try:
        stored = from_phc(f"$argon2id$v=19$m=19456,t=2,p=1${salt}${digest}")
    except InvalidInput:
        return
    assert len(stored) <= User._meta.get_field("password").max_length
    passwords.Argon2idHasher().must_update(stored)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):  # any other means: it could not be read
        argon2.low_level.verify_secret(to_phc(stored).encode(), b"not it", argon2.Type.ID)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "too short"),
        ("", "too short"),
        ("12345678901", "entirely numeric"),
        ("password123", "too common"),
        ("alice@example.com", "too similar"),
        ("x" * 129, "at most 128"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_password(password, User(email="alice@example.com", name="Alice"))
    assert reason in " ".join(refused.value.messages)


@pytest.mark.parametrize(
    "password", ["a long walk at dusk", "x7!kQp2w", "пароль-и-ещё", "🐢🐢🐢🐢🐢🐢🐢🐢", "x" * 128]
)
def test_length_is_what_counts_not_kinds_of_characters(password: str) -> None:
    validate_password(password, User(email="alice@example.com", name="Alice"))


def test_the_rule_for_long_passwords_explains_itself() -> None:
    assert "128" in passwords.MaximumLengthValidator().get_help_text()
