"""Builds WebAssembly modules section by section, including ones that no tool would produce.

https://webassembly.github.io/spec/core/binary/modules.html
"""

HEADER = b"\0asm\x01\0\0\0"
CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA, DATA_COUNT, TAG = (
    range(14)
)
ORDER = [TYPE, IMPORT, FUNCTION, TABLE, MEMORY, TAG, GLOBAL, EXPORT, START, ELEMENT, DATA_COUNT, CODE, DATA]
_CODES = {"i32": 0x7F, "i64": 0x7E, "f32": 0x7D, "f64": 0x7C, "v128": 0x7B}
_RETURN = {"()": b"", "i32": b"\x41\0", "i64": b"\x42\0"}  # a constant 0 of that type


def u32(value: int) -> bytes:
    """LEB128."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def vector(items: list[bytes]) -> bytes:
    return u32(len(items)) + b"".join(items)


def name(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return u32(len(raw)) + raw


def section(number: int, content: bytes) -> bytes:
    return bytes([number]) + u32(len(content)) + content


def function_type(signature: str) -> bytes:
    """Encodes a signature such as `(i64, i64) -> i64`."""
    params, _, results = signature.partition(" -> ")
    return b"\x60" + _value_types(params) + _value_types(results)


def limits(minimum: int, maximum: int | None = None, flags: int = 0) -> bytes:
    if maximum is None:
        return bytes([flags]) + u32(minimum)
    return bytes([flags | 1]) + u32(minimum) + u32(maximum)


def module(
    *,
    imports: list[tuple[str | bytes, str | bytes, str]] | None = None,
    functions: dict[str, str] | None = None,
    replaced: dict[int, bytes] | None = None,
    tail: bytes = b"",
) -> bytes:
    """A module with imported and exported functions; each exported function returns 0.

    Imports are (namespace, name, signature). `functions` maps the names of exports to signatures. `replaced`
    gives sections other content, or adds them. `tail` follows the last section.
    """
    imports, functions = imports or [], functions or {}
    signatures = sorted({*(signature for *_, signature in imports), *functions.values()})
    sections = {
        TYPE: vector([function_type(signature) for signature in signatures]),
        IMPORT: vector(
            [
                name(space) + name(item) + b"\0" + u32(signatures.index(signature))
                for space, item, signature in imports
            ]
        ),
        FUNCTION: vector([u32(signatures.index(signature)) for signature in functions.values()]),
        EXPORT: vector(
            [name(export) + b"\0" + u32(len(imports) + index) for index, export in enumerate(functions)]
        ),
        CODE: vector([_body(signature) for signature in functions.values()]),
    } | (replaced or {})
    return HEADER + b"".join(section(n, sections[n]) for n in ORDER if n in sections) + tail


def _value_types(text: str) -> bytes:
    kinds = [kind for kind in text.strip("()").split(", ") if kind]
    return vector([bytes([_CODES[kind]]) for kind in kinds])


def _body(signature: str) -> bytes:
    code = b"\0" + _RETURN[signature.partition(" -> ")[2]] + b"\x0b"  # no locals
    return u32(len(code)) + code
