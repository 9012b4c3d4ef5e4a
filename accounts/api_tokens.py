"""Personal and service API tokens."""

import uuid
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import APIToken, User
from accounts.users import USERS, one_user
from core.prepared_query import one_or_none
from core.problems import NotFound, Problem

MAX_API_TOKENS = 100
_UPDATE_LAST_USED_AFTER = timedelta(minutes=1)


class TooManyTokens(Problem):
    status = 409
    code = "too-many-tokens"
    title = "Too many tokens"
    default_detail = f"You can have {MAX_API_TOKENS} tokens, including expired ones. Revoke some first."


def create_api_token(
    user: User, *, name: str, scopes: list[str], expires_in_days: int, plugin: str = ""
) -> tuple[APIToken, str]:
    """The new token's row and its secret, which is shown only once. Raises NotFound and TooManyTokens.

    The caller must check that the user may grant these scopes.
    """
    ttl_seconds = expires_in_days * 24 * 3600
    with transaction.atomic():
        # Locked, so that concurrent calls cannot exceed the limit.
        user = one_user(USERS.select_for_update(no_key=True).filter(pk=user.pk))
        if APIToken.objects.filter(user=user).count() >= MAX_API_TOKENS:
            raise TooManyTokens
        return APIToken.issue(user, ttl_seconds, name=name, scopes=sorted(set(scopes)), plugin=plugin)


def get_api_token(token: str) -> APIToken | None:
    """The live token and its user, if the user is active; otherwise None.

    Updates `last_used_at`, at most once a minute.
    """
    rows = APIToken.objects.for_token(token).live().filter(user__is_active=True)
    found: APIToken | None = one_or_none(rows.select_related("user").order_by())
    now = timezone.now()
    if found is not None and (
        found.last_used_at is None or found.last_used_at < now - _UPDATE_LAST_USED_AFTER
    ):
        APIToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found


def delete_api_token(user: User, token_id: uuid.UUID) -> None:
    """Raises NotFound if the user has no such token."""
    if not APIToken.objects.filter(pk=token_id, user=user).end():
        raise NotFound("There is no such token.")


def delete_plugin_tokens(plugin: str) -> None:
    """Revokes the service tokens of the plugin with this slug."""
    APIToken.objects.filter(plugin=plugin).end()
