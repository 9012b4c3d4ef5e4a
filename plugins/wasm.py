"""Reads a WebAssembly module's exports without running anything.

https://webassembly.github.io/spec/core/binary/modules.html
"""

from accounts.problems import InvalidInput

HEADER = b"\0asm\x01\0\0\0"
_EXPORT_SECTION = 7
_FUNCTION = 0


class InvalidWasm(InvalidInput):
    code = "invalid-wasm"
    title = "The file is not a WebAssembly module that can be used"


def exported_functions(wasm: bytes) -> frozenset[str]:
    """The names of the functions that `wasm` exports. Raises InvalidWasm."""
    if not wasm.startswith(HEADER):
        raise InvalidWasm("It does not begin like a WebAssembly 1 module.")
    reader = _Reader(wasm, len(HEADER))
    names: set[str] = set()
    try:
        while not reader.at_end:
            section, size = reader.byte(), reader.u32()
            end = reader.position + size
            if end > len(wasm):
                raise InvalidWasm(f"Section {section} is longer than the file.")
            if section == _EXPORT_SECTION:
                for _ in range(reader.u32()):
                    name, kind, _index = reader.name(), reader.byte(), reader.u32()
                    if kind == _FUNCTION:
                        names.add(name)
            reader.position = end
    except (IndexError, UnicodeDecodeError) as error:
        raise InvalidWasm("It is cut short or damaged.") from error
    return frozenset(names)


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.data)

    def byte(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value

    def u32(self) -> int:
        """LEB128, at most five bytes."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
        raise InvalidWasm("A number in it is too long.")

    def name(self) -> str:
        size = self.u32()
        raw = self.data[self.position : self.position + size]
        if len(raw) != size:
            raise IndexError
        self.position += size
        return raw.decode()
