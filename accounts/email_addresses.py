"""The one spelling of an e-mail address, so that one mailbox is one account."""

import unicodedata

import idna


def normalise_email(email: str) -> str:
    """The spelling in which an address is stored: trimmed, NFKC, lower case, the domain in Unicode."""
    local, at, domain = _composed(email).strip().rpartition("@")
    return f"{local}@{_unicode_domain(domain)}" if at else domain


def email_for_sending(email: str) -> str:
    """The address with its domain in ASCII, as DNS and mail servers know it.

    Django would encode the domain by IDNA 2003, which makes ß into ss: another domain, with another owner.
    """
    local, at, domain = email.rpartition("@")
    return f"{local}{at}{'.'.join(map(_to_ascii, domain.split('.')))}"


def has_valid_domain(email: str) -> bool:
    """Whether UTS 46 allows every character of the domain; it allows no controls and bidi overrides."""
    try:
        for label in email.rpartition("@")[2].split("."):
            if not label.isascii():
                idna.uts46_remap(label, std3_rules=True, transitional=False)
    except (idna.IDNAError, UnicodeError):
        return False
    return True


def _composed(text: str) -> str:
    # Letter by letter: in a whole word, the last Σ would become ς, which is another letter in a domain.
    lower = "".join(map(str.lower, unicodedata.normalize("NFKC", text)))
    # Composed again: a lower-case letter can compose with a mark where its upper case cannot (T̈, ẗ).
    return unicodedata.normalize("NFKC", lower)


def _unicode_domain(domain: str) -> str:
    """The domain as browsers and mail programs read it (UTS 46), its punycode labels (`xn--…`) decoded."""
    if domain.isascii() and "xn--" not in domain:
        return domain
    return ".".join(_to_unicode(_mapped(label) or label) for label in domain.replace("。", ".").split("."))


def _mapped(label: str) -> str | None:
    """Maps what UTS 46 maps, such as invisible characters to nothing. None if it forbids the label."""
    try:
        return _composed(idna.uts46_remap(label, std3_rules=False, transitional=False))
    except (idna.IDNAError, UnicodeError):
        return None


def _to_unicode(label: str) -> str:
    """The label in Unicode, if it is the punycode of a name in its normalised form; otherwise unchanged."""
    if not label.startswith("xn--"):
        return label
    try:
        decoded = label.removeprefix("xn--").encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
    is_normalised = _mapped(decoded) == _composed(decoded) == decoded and "。" not in decoded
    return decoded if is_normalised and not decoded.isascii() and _to_ascii(decoded) == label else label


def _to_ascii(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
