"""accounts.api_tokens: create, look up and revoke API tokens."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import api_tokens, sessions
from accounts.api_tokens import MAX_API_TOKENS, TooManyTokens
from accounts.models import APIToken, User
from core.problems import NotFound
from tests.conftest import at_once


def create(user: User, plugin: str = "") -> tuple[APIToken, str]:
    return api_tokens.create_api_token(
        user, name="CI", scopes=["notify", "api", "api"], expires_in_days=1, plugin=plugin
    )


def test_a_token_is_found_by_its_secret_and_nothing_else(alice: User) -> None:
    row, token = create(alice)
    found = api_tokens.get_api_token(token)
    assert found is not None
    assert (found, found.user, found.scopes) == (row, alice, ["api", "notify"])
    for wrong in ("", token[:-1], token.upper(), str(row.pk), row.token_hash, "\x00", "\ud800"):
        assert api_tokens.get_api_token(wrong) is None


def test_a_session_token_is_not_an_api_token(alice: User) -> None:
    _, token = sessions.create_session(alice.pk, 60)
    assert api_tokens.get_api_token(token) is None


def test_an_expired_token_is_not_found(alice: User) -> None:
    _, token = create(alice)
    APIToken.objects.update(expires_at=timezone.now())
    assert api_tokens.get_api_token(token) is None


def test_the_token_of_a_disabled_user_is_not_found(alice: User) -> None:
    _, token = create(alice)
    User.objects.update(is_active=False)
    assert api_tokens.get_api_token(token) is None


def test_last_used_at_is_updated_at_most_once_a_minute(alice: User) -> None:
    row, token = create(alice)
    assert row.last_used_at is None
    api_tokens.get_api_token(token)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    api_tokens.get_api_token(token)
    row.refresh_from_db()
    assert row.last_used_at == first
    APIToken.objects.update(last_used_at=first - timedelta(seconds=61))
    api_tokens.get_api_token(token)
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at >= first


def test_concurrent_calls_cannot_exceed_the_limit(transactional_db: None, alice: User, bob: User) -> None:
    expired = timezone.now() - timedelta(days=1)
    APIToken.objects.bulk_create(
        APIToken(user=alice, name="old", token_hash=f"{number:064}", expires_at=expired)
        for number in range(MAX_API_TOKENS - 1)
    )
    results = at_once(2, lambda: create(alice))
    assert [type(result) for result in results].count(TooManyTokens) == 1
    assert APIToken.objects.filter(user=alice).count() == MAX_API_TOKENS
    create(bob)


def test_a_user_can_revoke_only_their_own_tokens(alice: User, bob: User) -> None:
    row, token = create(alice)
    for user, token_id in ((bob, row.pk), (alice, uuid.UUID(int=0))):
        with pytest.raises(NotFound):
            api_tokens.delete_api_token(user, token_id)
    assert api_tokens.get_api_token(token) is not None
    api_tokens.delete_api_token(alice, row.pk)
    assert api_tokens.get_api_token(token) is None


def test_the_service_tokens_of_a_plugin_are_revoked_together(alice: User, bob: User) -> None:
    revoked = [create(user, plugin="notes")[1] for user in (alice, bob)]
    others = [create(alice)[1], create(alice, plugin="other")[1]]
    api_tokens.delete_plugin_tokens("notes")
    assert [api_tokens.get_api_token(token) for token in revoked] == [None, None]
    assert None not in [api_tokens.get_api_token(token) for token in others]
