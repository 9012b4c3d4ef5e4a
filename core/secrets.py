"""Bearer secrets: 256 random bits, shown once. Only their SHA-256 is stored.

A fast hash is enough here, because nobody can guess 256 random bits. Slow hashes are for passwords.
"""

import hashlib
import secrets


def new_token(prefix: str) -> str:
    """A new secret. Its prefix tells people and secret scanners what it is for."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """The 64 hexadecimal digits to store and look up. Accepts any text, lone surrogates included."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
