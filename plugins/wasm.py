"""Reads a WebAssembly module's imports and exports without running anything.

https://webassembly.github.io/spec/core/binary/modules.html
"""

from dataclasses import dataclass

from accounts.problems import InvalidInput

USER_NAMESPACE = "extism:host/user"  # where guests of Extism expect their host's own functions
HEADER = b"\0asm\x01\0\0\0"
_IMPORT_SECTION, _EXPORT_SECTION = 2, 7
_FUNCTION, _TABLE, _MEMORY, _GLOBAL = range(4)


class InvalidWasm(InvalidInput):
    code = "invalid-wasm"
    title = "The file is not a WebAssembly module that can be used"


@dataclass(frozen=True)
class Module:
    """The functions that a module takes, by (namespace, name), and gives, by name."""

    imports: frozenset[tuple[str, str]]
    exports: frozenset[str]


def read_module(wasm: bytes) -> Module:
    """Raises InvalidWasm."""
    if not wasm.startswith(HEADER):
        raise InvalidWasm("It does not begin like a WebAssembly 1 module.")
    reader = _Reader(wasm, len(HEADER))
    imports: set[tuple[str, str]] = set()
    exports: set[str] = set()
    try:
        while not reader.at_end:
            section, size = reader.byte(), reader.u32()
            end = reader.position + size
            if end > len(wasm):
                raise InvalidWasm(f"Section {section} is longer than the file.")
            if section == _IMPORT_SECTION:
                imports |= _imports(reader)
            elif section == _EXPORT_SECTION:
                exports |= _exports(reader)
            reader.position = end
    except (IndexError, UnicodeDecodeError) as error:
        raise InvalidWasm("It is cut short or damaged.") from error
    return Module(frozenset(imports), frozenset(exports))


def _imports(reader: "_Reader") -> set[tuple[str, str]]:
    found = set()
    for _ in range(reader.u32()):
        namespace, name, kind = reader.name(), reader.name(), reader.byte()
        if kind == _FUNCTION:
            reader.u32()
            found.add((namespace, name))
        elif kind == _TABLE:
            reader.byte()
            reader.limits()
        elif kind == _MEMORY:
            reader.limits()
        elif kind == _GLOBAL:
            reader.byte()
            reader.byte()
        else:
            raise InvalidWasm(f"It imports {namespace}.{name}, which is of an unknown kind.")
    return found


def _exports(reader: "_Reader") -> set[str]:
    found = set()
    for _ in range(reader.u32()):
        name, kind, _index = reader.name(), reader.byte(), reader.u32()
        if kind == _FUNCTION:
            found.add(name)
    return found


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

    def limits(self) -> None:
        """A minimum, and a maximum if the flag says so."""
        flags = self.byte()
        self.u32()
        if flags & 1:
            self.u32()

    def name(self) -> str:
        size = self.u32()
        raw = self.data[self.position : self.position + size]
        if len(raw) != size:
            raise IndexError
        self.position += size
        return raw.decode()
