"""Damaged copies of compiled modules, reproducible by their seed."""

import random
from collections.abc import Iterator

from tests.server import ROOT

SOURCES = sorted((ROOT / "wasm-plugins").glob("*/*.wasm")) + sorted(
    (ROOT / "wasm-plugins" / "fixtures").glob("*/*.wasm")
)
# Most of a module is code, which the parser skips, so half of the damage goes to the sections before it.
_BYTES_BEFORE_CODE = 4_000


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """`count` modules with a few bytes flipped, removed or replaced by bytes of other modules."""
    rng = random.Random(seed)
    sources = [path.read_bytes() for path in SOURCES]
    for _ in range(count):
        wasm = bytearray(rng.choice(sources))
        for _ in range(rng.randint(1, 4)):
            rng.choice([_flip, _set, _cut, _splice])(wasm, rng, sources)
        yield bytes(wasm)


def _flip(wasm: bytearray, rng: random.Random, sources: list[bytes]) -> None:
    wasm[_place(wasm, rng)] ^= 1 << rng.randrange(8)


def _set(wasm: bytearray, rng: random.Random, sources: list[bytes]) -> None:
    wasm[_place(wasm, rng)] = rng.choice([0x00, 0x01, 0x40, 0x7F, 0x80, 0xFF])


def _cut(wasm: bytearray, rng: random.Random, sources: list[bytes]) -> None:
    start = _place(wasm, rng)
    del wasm[start : start + rng.choice([1, 2, 8, 100, len(wasm)])]
    wasm[:] = wasm or b"\0"


def _splice(wasm: bytearray, rng: random.Random, sources: list[bytes]) -> None:
    """Replaces up to 64 bytes, or none, with a slice of some module."""
    source, size, start = rng.choice(sources), rng.randint(1, 64), _place(wasm, rng)
    source_start = _place(source, rng)
    wasm[start : start + rng.choice([0, size])] = source[source_start : source_start + size]


def _place(wasm: bytearray | bytes, rng: random.Random) -> int:
    return rng.randrange(rng.choice([len(wasm), min(len(wasm), _BYTES_BEFORE_CODE)]))
