"""Builds a large WebAssembly module of real code, the size of a plugin in a language with a big runtime.

https://webassembly.github.io/spec/core/binary/modules.html
"""

import random
from collections.abc import Iterable

_I32 = 0x7F
_END = b"\x0b"
_GET, _SET, _TEE, _CONST = b"\x20", b"\x21", b"\x22", b"\x41"
_LOAD, _STORE = b"\x28\x02", b"\x36\x02"  # i32, aligned to 4; the offset follows
_OPERATORS = bytes([0x6A, 0x6B, 0x6C, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77])  # i32 arithmetic
_LOOP, _IF, _BRANCH_IF = b"\x03\x40", b"\x04\x40", b"\x0d"
_A, _B, _X, _COUNT = (bytes([index]) for index in range(4))  # two parameters, two locals
_MASK = 0xFFF0  # keeps an address within the one page of memory, with room for an offset below 16


def build(size: int, seed: int = 1) -> bytes:
    """A module of about `size` bytes that depends on the seed only. `run` has no input and no output."""
    chance = random.Random(seed)
    bodies: list[bytes] = []
    written = 0
    while written < size:
        bodies.append(_function(chance, len(bodies)))
        written += len(bodies[-1]) + 3
    # `run` is the last function: it calls one of the others and returns 0, as Extism expects.
    bodies.append(
        b"\0"
        + _CONST
        + b"\7"
        + _CONST
        + b"\5"
        + b"\x10"
        + _u32(len(bodies) // 2)
        + b"\x1a"
        + _CONST
        + b"\0"
        + _END
    )
    types = [_function_type(2), _function_type(0)]
    kinds = [0] * (len(bodies) - 1) + [1]
    return b"\0asm\1\0\0\0" + b"".join(
        (
            _section(1, types),
            _section(3, [bytes([kind]) for kind in kinds]),
            _section(5, [b"\0\1"]),  # one page of memory
            _section(7, [_vector_of_bytes(b"run") + b"\0" + _u32(len(bodies) - 1)]),
            _section(10, [_vector_of_bytes(body) for body in bodies]),
        )
    )


def _function(chance: random.Random, index: int) -> bytes:
    """A short loop of arithmetic, memory access and branches. A quarter of them call an earlier function."""
    parts = [b"\1\2" + bytes([_I32]), _CONST, _i32(chance.randint(2, 9)), _SET, _COUNT, _LOOP]
    parts += [chance.choice(_STATEMENTS)(chance) for _ in range(chance.randint(8, 40))]
    if index and not chance.randrange(4):
        parts += [_GET, _A, _GET, _X, b"\x10", _u32(chance.randrange(index)), _SET, _B]
    parts += [_GET, _COUNT, _CONST, _i32(1), b"\x6b", _TEE, _COUNT, _BRANCH_IF, b"\0", _END]
    return b"".join([*parts, _GET, _X, _END])


def _operator(chance: random.Random) -> bytes:
    return bytes([chance.choice(_OPERATORS)])


def _local(chance: random.Random) -> bytes:
    return _GET + chance.choice((_A, _B, _X))


def _arithmetic(chance: random.Random) -> bytes:
    number = _CONST + _i32(chance.randint(-(2**31), 2**31 - 1))
    return b"".join(
        [_local(chance), _local(chance), _operator(chance), number, _operator(chance), _TEE, _X, _SET, _A]
    )


def _address(chance: random.Random) -> bytes:
    return _local(chance) + _CONST + _i32(_MASK) + b"\x71"


def _memory(chance: random.Random) -> bytes:
    offset = bytes([chance.choice((0, 4, 8))])
    load = _address(chance) + _LOAD + offset + _local(chance) + _operator(chance) + _SET + _B
    return load + _address(chance) + _local(chance) + _STORE + offset


def _branch(chance: random.Random) -> bytes:
    return _local(chance) + _local(chance) + b"\x48" + _IF + _arithmetic(chance) + _END  # i32.lt_s


_STATEMENTS = (_arithmetic, _arithmetic, _memory, _branch)


def _function_type(parameters: int) -> bytes:
    return b"\x60" + _u32(parameters) + bytes([_I32]) * parameters + b"\1" + bytes([_I32])


def _section(number: int, items: Iterable[bytes]) -> bytes:
    entries = list(items)
    return bytes([number]) + _vector_of_bytes(_u32(len(entries)) + b"".join(entries))


def _vector_of_bytes(data: bytes) -> bytes:
    return _u32(len(data)) + data


def _u32(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _i32(value: int) -> bytes:
    """Signed LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])
