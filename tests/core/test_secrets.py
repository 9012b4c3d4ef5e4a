"""core.secrets: 256 random bits behind a prefix, looked up by their SHA-256."""

import re

import pytest

from core.secrets import hash_token, new_token


def test_a_token_is_a_prefix_and_256_random_bits() -> None:
    tokens = {new_token("hbs") for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"hbs_[\w-]{43}", token) for token in tokens)


@pytest.mark.parametrize("text", ["", "hbs_x", "\x00", "\ud800", "é" * 10_000])
def test_any_text_can_be_hashed(text: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", hash_token(text))
