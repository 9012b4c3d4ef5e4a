"""accounts.single_use_tokens: tokens work once; the database holds only the SHA-256 of any secret."""

import hashlib
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts import owner_setup, sessions, single_use_tokens
from accounts.models import EmailVerificationToken, PasswordResetToken, User
from accounts.users import UserDisabled
from core.problems import NotFound
from tests.conftest import API, at_once

CODE = "AB12-CD34-EF56-GH78"
KINDS = {
    "verification": (
        single_use_tokens.create_email_verification_token,
        single_use_tokens.get_email_verification_token,
        single_use_tokens.use_email_verification_token,
        EmailVerificationToken,
    ),
    "reset": (
        single_use_tokens.create_password_reset_token,
        single_use_tokens.get_password_reset_token,
        single_use_tokens.use_password_reset_token,
        PasswordResetToken,
    ),
}
each_kind = pytest.mark.parametrize(("create", "get", "use", "model"), KINDS.values(), ids=KINDS.keys())


@each_kind
def test_a_token_can_be_looked_up_often_but_used_once(
    create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    row, token = create(alice.pk, 60)
    assert get(token) == row
    assert get(token).used_at is None
    used = use(token)
    assert used == row
    assert used.user == alice
    assert used.used_at is not None
    assert use(token) is None
    assert get(token) is None


@each_kind
def test_of_twenty_concurrent_uses_exactly_one_succeeds(
    create: Any, get: Any, use: Any, model: Any, transactional_db: None, alice: User
) -> None:
    row, token = create(alice.pk, 60)
    results = at_once(20, lambda: use(token))
    assert [result for result in results if result is not None] == [row]


@each_kind
def test_a_use_that_waited_for_another_one_gets_nothing(
    create: Any, get: Any, use: Any, model: Any, transactional_db: None, alice: User
) -> None:
    """Forces the collision: the second use is already waiting when the first one commits."""
    _row, token = create(alice.pk, 60)

    def second() -> Any:
        try:
            return use(token)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            assert use(token) is not None
            waiting = thread.submit(second)
            time.sleep(0.3)
        assert waiting.result() is None


@each_kind
@pytest.mark.parametrize("token", ["", "hbv_", "\x00", "\ud800", "x" * 100_000])
def test_an_unknown_token_is_not_found(
    token: str, create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    create(alice.pk, 60)
    assert get(token) is None
    assert use(token) is None


@each_kind
def test_an_expired_token_is_not_found(create: Any, get: Any, use: Any, model: Any, alice: User) -> None:
    row, token = create(alice.pk, 60)
    model.objects.update(expires_at=timezone.now())
    assert get(token) is None
    assert use(token) is None
    row.refresh_from_db()
    assert row.used_at is None


@each_kind
def test_a_disabled_user_has_no_tokens_and_gets_no_new_ones(
    create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    _, token = create(alice.pk, 60)
    User.objects.update(is_active=False)
    assert get(token) is None
    assert use(token) is None
    with pytest.raises(UserDisabled):
        create(alice.pk, 60)


@each_kind
def test_the_hash_and_the_id_do_not_work_as_the_token(
    create: Any, get: Any, use: Any, model: Any, alice: User
) -> None:
    row, _ = create(alice.pk, 60)
    assert use(row.token_hash) is None
    assert use(str(row.pk)) is None


def test_cleaning_up_deletes_only_expired_tokens_of_both_kinds(alice: User) -> None:
    live = [create(alice.pk, 60)[0] for create, *_ in KINDS.values()]
    for create, *_ in KINDS.values():
        create(alice.pk, 0)
        create(alice.pk, -60)
    assert single_use_tokens.cleanup_expired_tokens() == 4
    assert single_use_tokens.cleanup_expired_tokens() == 0
    assert [EmailVerificationToken.objects.get(), PasswordResetToken.objects.get()] == live


@each_kind
def test_an_unknown_user_gets_no_token(create: Any, get: Any, use: Any, model: Any, db: None) -> None:
    with pytest.raises(NotFound):
        create(uuid.UUID(int=0), 60)


# --- secrets at rest ----------------------------------------------------------------------------------


def test_each_kind_of_token_has_its_own_prefix(alice: User) -> None:
    _, session = sessions.create_session(alice.pk, 60)
    _, verification = single_use_tokens.create_email_verification_token(alice.pk, 60)
    _, reset = single_use_tokens.create_password_reset_token(alice.pk, 60)
    assert [token[:4] for token in (session, verification, reset)] == ["hbs_", "hbv_", "hbr_"]


def test_database_and_log_contain_no_token_only_its_sha256(
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

    stored = _all_values_in_the_database()
    for secret in (session, verification, reset, used, CODE):
        assert hashlib.sha256(secret.encode()).hexdigest() in stored
        for part in (secret, secret.partition("_")[2] or secret):
            assert part not in stored
            assert part not in caplog.text
    assert owner["password"] not in stored
    assert owner["password"] not in caplog.text


def _all_values_in_the_database() -> str:
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            rows += cursor.fetchall()
    return "\n".join(str(value) for row in rows for value in row)
