"""E-mails about accounts: the server's own texts, to the account's own address, with links to this server.

A plugin that sends one chooses only the template and the time, not the address, the text or the link. Links
are built from PUBLIC_URL and not from the Host header, which the sender of a request can choose.
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
from accounts.email_addresses import email_for_sending
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
    """One kind of e-mail: subject, file of its text, path of its link, and how to look up its token."""

    subject: str
    file: str
    path: str
    look_up: Callable[[str], Any]


TEMPLATES = {
    "verify-email": Template(
        "Confirm your e-mail address",
        "accounts/verify_email.txt",
        "/verify-email",
        single_use_tokens.get_email_verification_token,
    ),
    "reset-password": Template(
        "Reset your password",
        "accounts/reset_password.txt",
        "/reset-password",
        single_use_tokens.get_password_reset_token,
    ),
}


def send_account_email(user_id: uuid.UUID, template: str, token: str) -> None:
    """Sends the e-mail of this template with a link that carries the token.

    Raises NotFound, InvalidInput (not a live token of this user for this template), RateLimited or
    EmailNotSent.
    """
    kind = TEMPLATES[template]
    found = kind.look_up(token)
    if found is None or found.user_id != user_id:
        users.get_user(user_id)
        raise InvalidInput.at("/token", f"This is not a live token of this user for {template}.")
    sent = _record_sent(found.user, template)
    # The fragment never leaves the browser, so the token gets into no server log and no Referer header.
    link = f"{settings.PUBLIC_URL}{kind.path}#token={token}"
    # Without the user's name: someone who signs up with another person's address chooses it freely.
    text = render_to_string(kind.file, {"link": link, "expires_at": found.expires_at})
    try:
        send_mail(kind.subject, text, settings.DEFAULT_FROM_EMAIL, [email_for_sending(found.user.email)])
    except (OSError, SMTPException) as error:
        sent.delete()
        logger.warning("Could not send an e-mail: %s", error)
        raise EmailNotSent from error


def _record_sent(user: User, template: str) -> SentEmail:
    """Counts the e-mail before it is sent, so that concurrent calls cannot exceed the limit.

    Raises NotFound or RateLimited.
    """
    now = timezone.now()
    with transaction.atomic():
        if not User.objects.select_for_update().filter(pk=user.pk).exists():
            raise NotFound("There is no such user.")
        SentEmail.objects.filter(sent_at__lte=now - timedelta(hours=1)).delete()
        if SentEmail.objects.filter(user=user).count() >= EMAILS_PER_HOUR:
            problem = RateLimited(f"Each person gets at most {EMAILS_PER_HOUR} of these e-mails per hour.")
            problem.headers["Retry-After"] = "3600"
            raise problem
        return SentEmail.objects.create(user=user, template=template, sent_at=now)
