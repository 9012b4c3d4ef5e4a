"""Log-in sessions: create, look up, end."""

import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import MAX_USER_AGENT, Session, User
from accounts.users import USERS, get_user, one_user, require_active
from core import events
from core.prepared_query import PreparedQuery, columns, instance
from core.problems import NotFound
from core.secrets import hash_token

_SESSION_COLUMNS = columns(Session)
_SESSION_OF_TOKEN = PreparedQuery(
    lambda token_hash: (
        Session.objects.order_by()
        .filter(token_hash=token_hash, user__is_active=True)
        .values_list(*_SESSION_COLUMNS, *columns(User, "user__"))
    )
)


def create_session(
    user_id: uuid.UUID, ttl_seconds: int, *, user_agent: str = "", ip_address: str | None = None
) -> tuple[Session, str]:
    """The session and its token, which is shown only once. Raises NotFound or UserDisabled."""
    with transaction.atomic():
        # Locked, so that an account that is being disabled gets no new session.
        user = require_active(one_user(USERS.select_for_update(no_key=True).filter(pk=user_id)))
        session, token = Session.issue(
            user, ttl_seconds, user_agent=user_agent[:MAX_USER_AGENT], ip_address=ip_address
        )
        User.objects.filter(pk=user.pk).update(last_login=session.created_at)
        events.publish("session.created", session.event_data(), to_users=[user.pk])
    return session, token


def own_sessions(user: User) -> QuerySet[Session]:
    """The user's live sessions, latest first."""
    live: QuerySet[Session] = Session.objects.filter(user=user).live()
    return live


def end_own_session(user: User, session_id: uuid.UUID) -> None:
    """Raises NotFound if the user has no such session."""
    if not Session.objects.filter(user=user, pk=session_id).end():
        raise NotFound("You have no such session.")


def end_other_sessions(user: User, keep: Session) -> int:
    """Ends the user's other sessions. Returns how many there were."""
    ended: int = Session.objects.filter(user=user).exclude(pk=keep.pk).end()
    return ended


def get_session(token: str) -> Session | None:
    """The live session with this token and its user, if the user is active; otherwise None."""
    rows = _SESSION_OF_TOKEN.rows(hash_token(token))
    if not rows:
        return None
    session: Session = instance(Session, rows[0][: len(_SESSION_COLUMNS)])
    session.user = instance(User, rows[0][len(_SESSION_COLUMNS) :])
    return session if session.expires_at > timezone.now() else None


def delete_session(session_id: uuid.UUID) -> None:
    """Raises NotFound."""
    if not Session.objects.filter(pk=session_id).end():
        raise NotFound("There is no such session.")


def delete_user_sessions(user_id: uuid.UUID) -> int:
    """Ends all sessions of the user. Returns how many there were. Raises NotFound."""
    ended: int = Session.objects.filter(user=get_user(user_id)).end()
    return ended


def cleanup_expired_sessions() -> int:
    """Deletes expired sessions. Returns how many there were."""
    ended: int = Session.objects.expired().end()
    return ended
