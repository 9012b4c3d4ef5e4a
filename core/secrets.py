"""Bearer secrets: 256 random bits handed out once; only their SHA-256 is stored.

A plain hash is enough because nobody can guess 256 random bits; the slow hashes are for passwords.
"""

import hashlib
import secrets


def new_token(prefix: str) -> str:
    """A fresh secret. The prefix says what it opens, to people and to secret scanners."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored and looked up: 64 hexadecimal digits. Accepts any text, also hostile."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
