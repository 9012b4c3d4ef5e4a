"""Personal and service API tokens."""

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import (
    APIToken,
    User,
)
from accounts.users import USERS, found_user
from core.prepared_query import one_or_none
from core.problems import NotFound, Problem

MAX_API_TOKENS = 100
_USED_EVERY = timedelta(minutes=1)


class TooManyTokens(Problem):
    status = 409
    code = "too-many-tokens"
    title = "You have too many tokens"
    default_detail = f"A person may have {MAX_API_TOKENS}, those that have expired included. Revoke some."


def create_api_token(
    user: User, *, name: str, scopes: list[str], expires_in_days: int, plugin: str = ""
) -> tuple[APIToken, str]:
    """The row and its secret, shown this once. The caller checks which scopes the user may give.

    Raises NotFound and TooManyTokens.
    """
    ttl_seconds = expires_in_days * 24 * 3600
    with transaction.atomic():
        user = found_user(USERS.select_for_update(no_key=True).filter(pk=user.pk))  # one at a time
        if APIToken.objects.filter(user=user).count() >= MAX_API_TOKENS:
            raise TooManyTokens
        return APIToken.issue(user, ttl_seconds, name=name, scopes=sorted(set(scopes)), plugin=plugin)


def get_api_token(token: str) -> APIToken | None:
    """The live token of an active user, with the user, or None. Notes that it was used, to the minute."""
    rows = APIToken.objects.for_token(token).live().filter(user__is_active=True)
    found: APIToken | None = one_or_none(rows.select_related("user").order_by())
    now = timezone.now()
    if found is not None and (found.last_used_at is None or found.last_used_at < now - _USED_EVERY):
        APIToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found


def delete_api_token(user: User, token_id: uuid.UUID) -> None:
    """Raises NotFound, also for somebody else's."""
    if not _revoke(APIToken.objects.filter(pk=token_id, user=user)):
        raise NotFound("There is no such token.")


def delete_plugin_tokens(plugin: str) -> None:
    """Ends the service tokens of a plugin, given by its slug."""
    _revoke(APIToken.objects.filter(plugin=plugin))


def _revoke(tokens: "QuerySet[APIToken]") -> int:
    """Removes them with all that was begun with them; how many there were."""
    with transaction.atomic():
        # Locked, or what is begun with one at this moment could keep it from being removed.
        found = list(tokens.select_for_update(of=("self",)).values_list("pk", flat=True))
        tokens.delete()
    return len(found)
