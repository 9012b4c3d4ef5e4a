"""Bearer secrets: 256 random bits, of which the database keeps only the SHA-256."""

import hashlib
import re

import pytest
from django.db import connection

from accounts import owner_setup, sessions, single_use_tokens
from accounts.models import User
from core.secrets import hash_token, new_token
from tests.conftest import API

CODE = "AB12-CD34-EF56-GH78"


def test_a_token_is_256_random_bits_behind_a_prefix_that_says_what_it_opens() -> None:
    tokens = {new_token("hbs") for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"hbs_[\w-]{43}", token) for token in tokens)


@pytest.mark.parametrize("text", ["", "hbs_x", "\x00", "\ud800", "é" * 10_000])
def test_any_text_can_be_looked_up(text: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", hash_token(text))


def test_each_kind_of_token_has_its_own_prefix(alice: User) -> None:
    _, session = sessions.create_session(alice.pk, 60)
    _, verification = single_use_tokens.create_email_verification_token(alice.pk, 60)
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    assert [token[:4] for token in (session, verification, reset)] == ["hbs_", "hbv_", "hbr_"]


def test_no_table_and_no_log_holds_a_token_only_its_sha256(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    owner_setup.replace_setup_code(CODE)
    owner = {"code": CODE, "email": "o@example.com", "name": "Owner", "password": "a long walk at dusk"}
    assert API().post("/api/v1/setup", owner).status_code == 201
    user = User.objects.get()
    _, session = sessions.create_session(user.pk, 60)
    _, verification = single_use_tokens.create_email_verification_token(user.pk, 60)
    _, reset = single_use_tokens.create_password_reset_token(user.pk, 60)
    _, used = single_use_tokens.create_email_verification_token(user.pk, 60)
    single_use_tokens.use_email_verification_token(used)
    headers = {"Authorization": f"Bearer {session}"}
    assert API().get("/api/v1/executions", headers=headers).status_code == 200

    stored = _every_value_in_the_database()
    for secret in (session, verification, reset, used, CODE):
        assert hashlib.sha256(secret.encode()).hexdigest() in stored
        for part in (secret, secret.partition("_")[2] or secret):
            assert part not in stored
            assert part not in caplog.text
    assert owner["password"] not in stored
    assert owner["password"] not in caplog.text


def _every_value_in_the_database() -> str:
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            rows += cursor.fetchall()
    return "\n".join(str(value) for row in rows for value in row)
