"""accounts.email_addresses: one mailbox has one spelling, and different mailboxes stay different."""

from typing import Any

import pytest
from django.core import mail as outgoing
from hypothesis import given
from hypothesis import strategies as st

from accounts import mail, rate_limits, single_use_tokens, users
from accounts.email_addresses import email_for_sending, normalise_email
from accounts.models import User
from accounts.users import EmailTaken
from core.problems import InvalidInput, RateLimited
from tests.conftest import PASSWORD

SPELLINGS = [
    ("Alice@Example.COM", "alice@example.com"),
    ("  alice@example.com\n", "alice@example.com"),
    ("\uff41lice\uff20example\uff0ecom", "alice@example.com"),
    ("\u1d2clice@example.com", "alice@example.com"),  # an upper-case letter only once composed
    ("alice@cafe\u0301.example", "alice@caf\u00e9.example"),
    ("alice@T\u0308.example", "alice@\u1e97.example"),
    ("alice@t\u0308.example", "alice@\u1e97.example"),
    ("alice@xn--caf-dma.example", "alice@caf\u00e9.example"),
    ("alice@XN--Caf-DMA.example", "alice@caf\u00e9.example"),
    ("alice@\uff58\uff4e--caf-dma.example", "alice@caf\u00e9.example"),
    ("alice@b\u00fccher\u3002example", "alice@b\u00fccher.example"),
    ("alice@b\u00fccher\uff61example", "alice@b\u00fccher.example"),
    ("alice@exam\u00adple.com", "alice@example.com"),  # characters that no mail program sends
    ("alice@exam\u200bple.com", "alice@example.com"),
    ("alice@B\u00dcCHER.xn--bcher-kva.example", "alice@b\u00fccher.b\u00fccher.example"),
    ("alice@xn--e1afmkfd.xn--p1ai", "alice@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444"),
    ("alice@\u039f\u0394\u039f\u03a3.gr", "alice@\u03bf\u03b4\u03bf\u03c3.gr"),
    ("alice@xn--fa-hia.example", "alice@fa\u00df.example"),
    ("alice@xn--i-7iq.ws", "alice@i\u2764.ws"),
    ("alice@xn--ls8h.la", "alice@\U0001f4a9.la"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "normalised"), SPELLINGS)
def test_normalise_an_email(written: str, normalised: str) -> None:
    assert normalise_email(written) == normalised


@pytest.mark.parametrize(
    "email",
    [
        "a@xn--.example", "a@xn---.example", "a@xn--a.example", "a@xn--example-.com",
        "a@xn--99999999.example",
        "a@xn--\u00e9.example", "xn--caf-dma@example.com", "a@\ud800.example", "@", "",
        "xn--caf-dma",
    ],
)  # fmt: skip
def test_what_is_not_the_punycode_of_a_name_stays(email: str) -> None:
    assert normalise_email(email) == email


@given(
    st.text(max_size=40)
    | st.from_regex(r"[a-z]{1,3}@(xn--)?[a-z0-9é\u00df\u3002\u0301ΣA-Z.-]{1,20}", fullmatch=True)
)
def test_normalising_an_email_is_idempotent(text: str) -> None:
    once = normalise_email(text)
    assert normalise_email(once) == once


@given(st.text("abcxyzéü\u00df\u03c3\u03c2яж語❤-", min_size=1, max_size=12))
def test_a_domain_in_ascii_is_the_same_mailbox(label: str) -> None:
    email = normalise_email(f"a@{label}.example")
    assert normalise_email(email_for_sending(email)) == email


def test_different_domains_stay_different() -> None:
    assert normalise_email("a@fa\u00df.example") != normalise_email("a@fass.example")
    assert normalise_email("a@\u03bf\u03b4\u03bf\u03c2.gr") != normalise_email(
        "a@\u03bf\u03b4\u03bf\u03c3.gr"
    )


def test_one_mailbox_is_one_account_in_every_spelling(db: None) -> None:
    user = users.create_user(email="dora@b\u00fccher.example", name="Dora", password=PASSWORD)
    for email in (
        "dora@xn--bcher-kva.example",
        "DORA@BU\u0308CHER\u3002EXAMPLE",
        "dora@b\u00fc\u00adcher.example",
    ):
        with pytest.raises(EmailTaken):
            users.create_user(email=email, name="Dora", password=PASSWORD)
        assert users.get_user_by_email(email) == user
        assert User.objects.get_by_natural_key(email) == user


def test_attempts_count_for_the_mailbox(db: None, settings: Any) -> None:
    settings.AUTH_ATTEMPTS_PER_ACCOUNT = 2
    rate_limits.count_attempt("192.0.2.7", "dora@b\u00fccher.example")
    rate_limits.count_attempt("192.0.2.7", "dora@xn--bcher-kva.example")
    with pytest.raises(RateLimited):
        rate_limits.count_attempt("192.0.2.7", "DORA@B\u00dcCHER.example")


@pytest.mark.parametrize("email", ["dora@b\u00fccher.example", "dora@xn--ls8h.la", "dora@xn--i-7iq.ws"])
def test_international_domains_can_sign_up(db: None, email: str) -> None:
    assert users.create_user(email=email, name="Dora", password=PASSWORD).email == normalise_email(email)


@pytest.mark.parametrize(
    "email",
    [
        "dora@ex\u202eample.com",
        "dora@ex\u0085\u00e9.com",
        "dora@caf\u00e9 .com",
        "d\u00e9@example.com",
        "d@\ud800.com",
    ],
)
def test_characters_that_no_domain_has_are_refused(db: None, email: str) -> None:
    with pytest.raises(InvalidInput):
        users.create_user(email=email, name="Dora", password=PASSWORD)


def test_mail_goes_to_the_domain_itself(db: None) -> None:
    """Under IDNA 2003, which Django uses, it would go to fass.example."""
    user = users.create_user(email="dora@fa\u00df.example", name="Dora", password=PASSWORD)
    _row, token = single_use_tokens.create_password_reset_token(user.pk, 600)
    mail.send_account_email(user.pk, "reset-password", token)
    assert outgoing.outbox[0].to == ["dora@xn--fa-hia.example"]
