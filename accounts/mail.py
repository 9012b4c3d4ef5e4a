"""E-mails about accounts: the server's own texts, to the account's own address, with links to this server.

Whoever asks (a plugin) chooses the text and the moment, and nothing else: not the address, not the words, not
where a link leads. Links are built from PUBLIC_URL; the Host header of a request is its sender's to choose.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import single_use_tokens, users
from accounts.models import SentEmail, User
from core.problems import InvalidInput, NotFound, Problem, RateLimited

logger = logging.getLogger("hostbridge.mail")

EMAILS_PER_HOUR = 5


class EmailNotSent(Problem):
    status = 503
    code = "email-not-sent"
    title = "The e-mail could not be sent"
    default_detail = "The mail server refused it or could not be reached. Try again later."


@dataclass(frozen=True)
class Template:
    """One kind of e-mail: its subject, its text's file, where its link leads, and whose token it carries."""

    subject: str
    file: str
    path: str
    look_up: Callable[[str], Any]


TEMPLATES = {
    "verify-email": Template(
        "Is this your e-mail address?",
        "accounts/verify_email.txt",
        "/verify-email",
        single_use_tokens.get_email_verification_token,
    ),
    "reset-password": Template(
        "Choose a new password",
        "accounts/reset_password.txt",
        "/reset-password",
        single_use_tokens.get_password_reset_token,
    ),
}


def send_account_email(user_id: uuid.UUID, template: str, token: str) -> None:
    """Sends it. Raises NotFound, InvalidInput (no live token of that user), RateLimited or EmailNotSent."""
    kind = TEMPLATES[template]
    found = kind.look_up(token)
    if found is None or found.user_id != user_id:
        users.get_user(user_id)
        raise InvalidInput.at("/token", f"This is no live token of this user for {template}.")
    sent = _claim(found.user, template)
    # In the fragment, which browsers send to nobody: not to this server's logs, not as a Referer.
    link = f"{settings.PUBLIC_URL}{kind.path}#token={token}"
    # Without the user's name: whoever signed up with somebody else's address chose it.
    text = render_to_string(kind.file, {"link": link, "expires_at": found.expires_at})
    try:
        send_mail(kind.subject, text, settings.DEFAULT_FROM_EMAIL, [found.user.email])
    except (OSError, SMTPException) as error:
        sent.delete()
        logger.warning("An e-mail could not be sent: %s", error)
        raise EmailNotSent from error


def _claim(user: User, template: str) -> SentEmail:
    """Counts the e-mail before it is sent: of many at once, only so many get through. Raises RateLimited."""
    now = timezone.now()
    with transaction.atomic():
        if not User.objects.select_for_update().filter(pk=user.pk).exists():
            raise NotFound("There is no such user.")
        SentEmail.objects.filter(sent_at__lte=now - timedelta(hours=1)).delete()
        if SentEmail.objects.filter(user=user).count() >= EMAILS_PER_HOUR:
            problem = RateLimited(f"A person gets at most {EMAILS_PER_HOUR} of these e-mails an hour.")
            problem.headers["Retry-After"] = "3600"
            raise problem
        return SentEmail.objects.create(user=user, template=template, sent_at=now)
