"""Parses a WebAssembly module, without running it, into its imports, exports and memory.

https://webassembly.github.io/spec/core/binary/modules.html

The bytes are untrusted. Parsing is bounded everywhere and copies no code: megabytes take a few milliseconds.
Modules refused here must not reach a runtime. plugins.bundles.module_policy adds Hostbridge's own rules.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.problems import InvalidInput

_HEADER = b"\0asm\x01\0\0\0"
_COMPONENT_HEADER = b"\0asm\x0d\0\x01\0"
_SECTION_NAMES = {
    1: "type", 2: "import", 3: "function", 4: "table", 5: "memory", 6: "global", 7: "export",
    8: "start", 9: "element", 10: "code", 11: "data", 12: "data count", 13: "tag",
}  # fmt: skip
_CUSTOM = 0
_ONLY_COUNTED = {6, 9, 10, 11, 13}  # only the number of entries in these sections matters here
# Section numbers follow the order in which the sections were standardised, not their order in a module.
_ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]
_FUNCTION_FORM = 0x60
_FUNCTION = 0
_IMPORT_KINDS = ["function", "table", "memory", "global", "tag"]
_VALUE_TYPES = {
    0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128",
    0x70: "funcref", 0x6F: "externref", 0x69: "exnref",
}  # fmt: skip
_REFERENCE_TYPES = {0x70, 0x6F}
_HAS_MAXIMUM, _SHARED, _64_BIT = 1, 2, 4
# Garbage-collected objects live outside the memory that the limits apply to, and no Extism PDK uses them.
_NO_GC = "Build it without garbage-collected types and typed references."
_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f]")

MAX_WASM_BYTES = 32 << 20  # of a plugin's module
# Far more than compilers produce (CPython has 10,000 functions). Together these limits bound the parsing time
# for any input.
MAX_NAME_BYTES = 1_000
MAX_CUSTOM_SECTIONS = 1_000
MAX_TYPES = 10_000
MAX_PARAMS = 255
MAX_IMPORTS = 1_000
MAX_FUNCTIONS = 200_000
MAX_TABLES = 16
MAX_TABLE_ELEMENTS = 100_000  # in all tables together: the memory limit does not cover tables
MAX_MEMORIES = 1  # memory limits apply to a single memory
MAX_TAGS = 1_000
MAX_GLOBALS = 10_000
MAX_EXPORTS = 10_000
MAX_ELEMENT_SEGMENTS = 10_000
MAX_DATA_SEGMENTS = 100_000  # the most that Go emits


class InvalidWasm(InvalidInput):
    code = "invalid-wasm"
    title = "Unsupported WebAssembly module"


@dataclass(frozen=True)
class Import:
    """An imported function. Signatures read like `(i64, i32) -> i64` and `() -> ()`."""

    namespace: str
    name: str
    signature: str

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"


@dataclass(frozen=True)
class Module:
    """What a module imports and exports. `exports` maps the names of exported functions to signatures."""

    imports: tuple[Import, ...]
    exports: dict[str, str]
    memory_pages: int  # initial size, in pages of 64 KiB

    @property
    def import_names(self) -> tuple[tuple[str, str], ...]:
        """Namespace and name of each import, sorted."""
        return tuple(sorted({(imported.namespace, imported.name) for imported in self.imports}))


def read_module(wasm: bytes) -> Module:
    """Raises InvalidWasm, and no other error, for any input."""
    if wasm.startswith(_COMPONENT_HEADER):
        raise InvalidWasm(
            "The file is a WebAssembly component. Build a core module instead, for example for wasm32-wasip1."
        )
    if not wasm.startswith(_HEADER):
        raise InvalidWasm("The file does not start with the header of a WebAssembly 1 module.")
    reader = _ModuleReader(wasm)
    try:
        return reader.read()
    except (IndexError, UnicodeDecodeError) as error:
        raise InvalidWasm(f"The module is truncated or damaged near byte {reader.position}.") from error


class _Reader:
    """Decodes numbers and names at a position. Raises IndexError at the end of the data."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def byte(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value

    def u32(self) -> int:
        """LEB128: at most five bytes, and at most 32 bits."""
        value = self.byte()
        if value < 0x80:
            return value
        value &= 0x7F
        for shift in (7, 14, 21, 28):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80 and value < 1 << 32:
                return value
        raise InvalidWasm(f"The value at byte {self.position - 5} is not a valid 32-bit number.")

    def count(self, what: str, most: int) -> int:
        """The number of entries that follow."""
        count = self.u32()
        if count > most:
            raise InvalidWasm(f"The module has {count} {what}; the limit is {most}.")
        return count

    def name(self) -> str:
        size = self.u32()
        if size > MAX_NAME_BYTES:
            raise InvalidWasm(f"A name in the module has {size} bytes; the limit is {MAX_NAME_BYTES}.")
        raw = self.data[self.position : self.position + size]
        if len(raw) != size:
            raise IndexError
        self.position += size
        name = raw.decode()
        if _CONTROL_CHARACTER.search(name):
            # The runtime passes names to C, where NUL ends a string: it would abort and end its process.
            raise InvalidWasm(f"The name {name!r} contains a control character.")
        return name

    def value_types(self) -> list[str]:
        size = self.count("parameters or results of one function", MAX_PARAMS)
        codes = self.data[self.position : self.position + size]
        if unknown := set(codes) - _VALUE_TYPES.keys():
            raise InvalidWasm(f"The module uses the unsupported value type {min(unknown):#x}. {_NO_GC}")
        self.position += size
        return [_VALUE_TYPES[code] for code in codes]

    def minimum(self, what: str) -> int:
        """The minimum of a `limits` pair; its flags say whether a maximum follows."""
        flags = self.byte()
        if flags & _64_BIT:
            raise InvalidWasm(f"The module has a 64-bit {what}. Build it for wasm32.")
        if flags & _SHARED:
            raise InvalidWasm(f"The module has a shared {what}. Build it without threads.")
        if flags & ~_HAS_MAXIMUM:
            raise InvalidWasm(f"The module has a {what} with unknown flags ({flags:#x}).")
        minimum = self.u32()
        if flags & _HAS_MAXIMUM and (maximum := self.u32()) < minimum:
            raise InvalidWasm(
                f"The module has a {what} whose minimum, {minimum}, exceeds its maximum, {maximum}."
            )
        return minimum


class _ModuleReader(_Reader):
    """Reads the sections in order and collects what later sections and the Module need."""

    def __init__(self, wasm: bytes) -> None:
        super().__init__(wasm, len(_HEADER))
        self.types: list[str] = []
        self.imports: list[Import] = []
        self.functions: list[int] = []  # the type index of each function that the module defines
        self.exports: dict[str, str] = {}
        self.memory_pages = 0
        self.code_count = 0
        self.data_count: int | None = None

    def read(self) -> Module:
        last_place, custom = -1, 0
        while self.position < len(self.data):
            number, size = self.byte(), self.u32()
            end = self.position + size
            if end > len(self.data):
                raise InvalidWasm(f"Section {number} extends past the end of the file.")
            if number == _CUSTOM:
                custom += 1
                self.custom_section(custom, end)
            else:
                last_place = self.place(number, last_place)
                self.section(number, end)
            self.position = end
        if self.code_count != len(self.functions):
            raise InvalidWasm(
                f"The module declares {len(self.functions)} functions but has code for {self.code_count}."
            )
        return Module(tuple(self.imports), self.exports, self.memory_pages)

    def custom_section(self, number: int, end: int) -> None:
        """Debug information, names or compiler notes. Everything but the section's name is skipped."""
        if number > MAX_CUSTOM_SECTIONS:
            raise InvalidWasm(f"The module has more than {MAX_CUSTOM_SECTIONS} custom sections.")
        self.name()
        if self.position > end:
            raise InvalidWasm("A custom section of the module is shorter than its name.")

    def place(self, number: int, last_place: int) -> int:
        """The section's place in the standard's order, which must be later than the previous section's."""
        if number not in _SECTION_NAMES:
            raise InvalidWasm(f"The module has a section of the unknown kind {number}.")
        place = _ORDER.index(number)
        if place <= last_place:
            raise InvalidWasm(f"The {_SECTION_NAMES[number]} section is repeated or in the wrong place.")
        return place

    def section(self, number: int, end: int) -> None:
        readers: dict[int, Callable[[], object]] = {
            1: self.types_section,
            2: self.imports_section,
            3: self.functions_section,
            4: self.tables_section,
            5: self.memories_section,
            6: lambda: self.count("globals", MAX_GLOBALS),
            7: self.exports_section,
            8: self.start_section,
            9: lambda: self.count("element segments", MAX_ELEMENT_SEGMENTS),
            10: self.code_section,
            11: self.data_section,
            12: self.data_count_section,
            13: lambda: self.count("tags", MAX_TAGS),
        }
        readers[number]()
        if number not in _ONLY_COUNTED and self.position != end:
            raise InvalidWasm(
                f"The length of the {_SECTION_NAMES[number]} section does not match its content."
            )

    def types_section(self) -> None:
        for _ in range(self.count("types", MAX_TYPES)):
            form = self.byte()
            if form != _FUNCTION_FORM:
                raise InvalidWasm(f"The module declares a type of the unsupported form {form:#x}. {_NO_GC}")
            params, results = self.value_types(), self.value_types()
            returned = results[0] if len(results) == 1 else f"({', '.join(results)})"
            self.types.append(f"({', '.join(params)}) -> {returned}")

    def imports_section(self) -> None:
        for _ in range(self.count("imports", MAX_IMPORTS)):
            namespace, name, kind = self.name(), self.name(), self.byte()
            if kind != _FUNCTION:
                what = _IMPORT_KINDS[kind] if kind < len(_IMPORT_KINDS) else f"unknown kind {kind}"
                raise InvalidWasm(
                    f"The module imports the {what} {namespace}.{name}. A plugin may import only functions; "
                    "it must define its own memory, tables and globals."
                )
            self.imports.append(Import(namespace, name, self.types[self.u32()]))

    def functions_section(self) -> None:
        self.functions = [self.u32() for _ in range(self.count("functions", MAX_FUNCTIONS))]
        if self.functions and max(self.functions) >= len(self.types):
            raise InvalidWasm(
                f"The module has a function of type {max(self.functions)}, which it does not declare."
            )

    def tables_section(self) -> None:
        elements = 0
        for _ in range(self.count("tables", MAX_TABLES)):
            if self.byte() not in _REFERENCE_TYPES:
                raise InvalidWasm(
                    f"The module has a table of something other than funcref or externref. {_NO_GC}"
                )
            elements += self.minimum("table")
        if elements > MAX_TABLE_ELEMENTS:
            raise InvalidWasm(
                f"The module's tables start with {elements} elements; the limit is {MAX_TABLE_ELEMENTS}."
            )

    def memories_section(self) -> None:
        for _ in range(self.count("memories", MAX_MEMORIES)):
            self.memory_pages = self.minimum("memory")

    def exports_section(self) -> None:
        names = set()
        for _ in range(self.count("exports", MAX_EXPORTS)):
            name, kind, index = self.name(), self.byte(), self.u32()
            if name in names:
                raise InvalidWasm(f"The module exports {name!r} twice.")  # the runtime would abort
            names.add(name)
            if kind == _FUNCTION:
                self.exports[name] = self.signature(index)

    def signature(self, index: int) -> str:
        """Function indexes count imported functions first, then the module's own."""
        if index < len(self.imports):
            return self.imports[index].signature
        return self.types[self.functions[index - len(self.imports)]]

    def start_section(self) -> None:
        raise InvalidWasm(
            "The module has a start function, which would run before any limit applies. "
            "Export `_initialize` instead."
        )

    def data_count_section(self) -> None:
        self.data_count = self.count("data segments", MAX_DATA_SEGMENTS)

    def code_section(self) -> None:
        self.code_count = self.count("functions", MAX_FUNCTIONS)

    def data_section(self) -> None:
        segments = self.count("data segments", MAX_DATA_SEGMENTS)
        if self.data_count not in {None, segments}:
            raise InvalidWasm(f"The module declares {self.data_count} data segments but has {segments}.")
