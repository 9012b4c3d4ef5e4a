"""accounts.passwords: Argon2id hashes, exchanged with guests as PHC strings."""

from base64 import b64encode

import argon2
import pytest
from django.contrib.auth.hashers import check_password, make_password
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
    """A hash by another Argon2 library. Its salt is 16 random bytes; Django's is 22 characters."""
    costs = {"memory_cost": 19456, "time_cost": 2, "parallelism": 1, "salt_len": 16, "hash_len": 32}
    return argon2.PasswordHasher(**(costs | options)).hash(password)


def test_passwords_are_hashed_with_argon2id_and_owasps_parameters() -> None:
    stored = make_password(PASSWORD)
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    found = argon2.extract_parameters(to_phc(stored))
    assert found.type is argon2.Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19456, 2, 1)
    assert found.hash_len == 32
    assert found.salt_len >= 16


def test_equal_passwords_get_different_hashes() -> None:
    assert make_password(PASSWORD) != make_password(PASSWORD)


def test_another_argon2_library_verifies_the_hosts_hash() -> None:
    assert argon2.PasswordHasher().verify(to_phc(make_password(PASSWORD)), PASSWORD)


def test_the_host_verifies_another_librarys_hash() -> None:
    stored = from_phc(guest_hash(PASSWORD))
    assert check_password(PASSWORD, stored)
    assert not check_password(PASSWORD + "!", stored)


@pytest.mark.parametrize("options", [{"memory_cost": 65536}, {"time_cost": 4}, {"hash_len": 40}])
def test_stronger_parameters_are_accepted(options: dict[str, int]) -> None:
    assert check_password(PASSWORD, from_phc(guest_hash(PASSWORD, **options)))


def test_an_account_with_a_guests_hash_can_log_in_to_the_admin(db: None) -> None:
    users.create_user(
        email="dora@example.com", name="Dora", password_hash=guest_hash(PASSWORD), is_staff=True
    )
    browser = Client()
    form = {"username": "Dora@Example.com", "password": PASSWORD}
    assert browser.post("/admin/login/", form | {"password": "something else"}).status_code == 200
    assert browser.get("/admin/").status_code == 302
    assert browser.post("/admin/login/?next=/admin/", form).status_code == 302
    assert browser.get("/admin/").status_code == 200


def test_a_guest_can_verify_the_hosts_hash(alice: User) -> None:
    assert argon2.PasswordHasher().verify(users.password_hash(alice), PASSWORD)


@pytest.mark.parametrize("stored", ["", "!unusable", "argon2id", "md5$salt$hash"])
def test_a_stored_value_that_is_not_argon2_is_never_returned(stored: str) -> None:
    assert to_phc(stored) == ""


def test_a_hash_survives_the_round_trip_unchanged() -> None:
    assert to_phc(from_phc(PHC)) == PHC


@pytest.mark.parametrize(
    "costs",
    [
        "m=19455,t=2,p=1",  # too little memory
        "m=8,t=2,p=1",
        "m=65537,t=2,p=1",  # would stall the server at each log-in
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
def test_cost_parameters_out_of_bounds_are_refused(costs: str) -> None:
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
        PHC.replace(SALT, SALT + "AAA"),  # not a valid base64 length
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
def test_malformed_hashes_are_refused(phc: str) -> None:
    with pytest.raises(InvalidInput):
        from_phc(phc)


@given(st.text(alphabet="$argon2idvmtp=,0123456789+/AZz\n\u0660é", max_size=140) | st.text(max_size=140))
def test_any_other_text_raises_invalid_input_only(text: str) -> None:
    with pytest.raises(InvalidInput):
        from_phc(text)


def unpadded(sizes: tuple[int, int]) -> st.SearchStrategy[str]:
    """Base64 as in PHC strings, sometimes with the last character missing or replaced."""
    text = st.binary(min_size=sizes[0], max_size=sizes[1]).map(
        lambda raw: b64encode(raw).decode().rstrip("=")
    )
    return text | text.map(lambda text: text[:-1]) | text.map(lambda text: text[:-1] + "B")


@settings(max_examples=50, deadline=None)
@given(salt=unpadded((15, 32)), digest=unpadded((31, 40)))
def test_an_accepted_hash_can_be_read_at_the_next_log_in(salt: str, digest: str) -> None:
    try:
        stored = from_phc(f"$argon2id$v=19$m=19456,t=2,p=1${salt}${digest}")
    except InvalidInput:
        return
    assert len(stored) <= User._meta.get_field("password").max_length
    passwords.Argon2idHasher().must_update(stored)
    with pytest.raises(
        argon2.exceptions.VerifyMismatchError
    ):  # any other error means that the hash could not be read
        argon2.low_level.verify_secret(to_phc(stored).encode(), b"not it", argon2.Type.ID)


# --- normalisation ------------------------------------------------------------------------------------

SPELLINGS = [
    ("caf\u00e9 au lait", "cafe\u0301 au lait"),
    ("\uff41 long walk at dusk", "a long walk at dusk"),
    ("\ufb01ne weather today", "fine weather today"),
    (
        "\uc740\ud558\uc218\u3000\uae30\ucc28",
        "\u110b\u1173\u11ab\u1112\u1161\u1109\u116e \u1100\u1175\u110e\u1161",
    ),
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_a_password_is_the_same_however_a_keyboard_encodes_it(one: str, other: str) -> None:
    for chosen, typed in ((one, other), (other, one)):
        stored = make_password(chosen)
        assert check_password(typed, stored)
        assert check_password(chosen, stored)
        assert not check_password(typed + "x", stored)


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_a_hash_of_the_password_as_typed_still_works(one: str, other: str) -> None:
    for typed in (one, other):
        assert check_password(typed, from_phc(guest_hash(typed)))
        assert not check_password(typed + "x", from_phc(guest_hash(typed)))


@given(st.text(max_size=20))
def test_normalising_a_password_is_idempotent(text: str) -> None:
    once = passwords.normalise_password(text)
    assert passwords.normalise_password(once) == once
