"""Reads a WebAssembly module without running it: its imports, exports and memory.

https://webassembly.github.io/spec/core/binary/modules.html

The bytes are untrusted. Reading is bounded everywhere and copies no code: a few milliseconds for megabytes.
No runtime should see what is refused here. plugins.bundles.module_policy adds Hostbridge's own rules.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.problems import InvalidInput

_HEADER = b"\0asm\x01\0\0\0"
_COMPONENT_HEADER = b"\0asm\x0d\0\x01\0"
_NAMES = {
    1: "type", 2: "import", 3: "function", 4: "table", 5: "memory", 6: "global", 7: "export",
    8: "start", 9: "element", 10: "code", 11: "data", 12: "data count", 13: "tag",
}  # fmt: skip
_CUSTOM = 0
_ONLY_COUNTED = {6, 9, 10, 11, 13}  # of these sections only the number of entries matters here
_ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]  # the numbers tell when a section was invented
_FUNCTION_FORM = 0x60
_FUNCTION = 0
_KINDS = ["function", "table", "memory", "global", "tag"]
_VALUE_TYPES = {
    0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128",
    0x70: "funcref", 0x6F: "externref", 0x69: "exnref",
}  # fmt: skip
_REFERENCE_TYPES = {0x70, 0x6F}
_HAS_MAXIMUM, _SHARED, _64_BIT = 1, 2, 4
# Such objects live beside the memory that limits are set for, and no PDK of Extism makes them.
_NO_GC = "Build it without garbage-collected types and typed references."
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")

# Generous beside what compilers make (CPython has 10,000 functions). Together they bound the time that
# reading takes, whatever the bytes.
MAX_NAME_BYTES = 1_000
MAX_CUSTOM_SECTIONS = 1_000
MAX_TYPES = 10_000
MAX_PARAMS = 255
MAX_IMPORTS = 1_000
MAX_FUNCTIONS = 200_000
MAX_TABLES = 16
MAX_TABLE_ELEMENTS = 100_000  # of all tables: they are no part of the memory's limit
MAX_MEMORIES = 1  # limits are those of one memory
MAX_TAGS = 1_000
MAX_GLOBALS = 10_000
MAX_EXPORTS = 10_000
MAX_ELEMENT_SEGMENTS = 10_000
MAX_DATA_SEGMENTS = 100_000  # Go writes up to as many


class InvalidWasm(InvalidInput):
    code = "invalid-wasm"
    title = "The file is not a WebAssembly module that can be used"


@dataclass(frozen=True)
class Import:
    """A function that the module takes. Signatures read like `(i64, i32) -> i64` and `() -> ()`."""

    namespace: str
    name: str
    signature: str

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"


@dataclass(frozen=True)
class Module:
    """What a module takes and gives. `exports` are its functions: their signatures by name."""

    imports: tuple[Import, ...]
    exports: dict[str, str]
    memory_pages: int  # of 64 KiB, that it begins with

    @property
    def import_names(self) -> tuple[tuple[str, str], ...]:
        """Namespace and name of each import, sorted."""
        return tuple(sorted({(taken.namespace, taken.name) for taken in self.imports}))


def read_module(wasm: bytes) -> Module:
    """Raises InvalidWasm, and nothing else, whatever the bytes are."""
    if wasm.startswith(_COMPONENT_HEADER):
        raise InvalidWasm(
            "It is a WebAssembly component. Build a core module, for instance for wasm32-wasip1."
        )
    if not wasm.startswith(_HEADER):
        raise InvalidWasm("It does not begin like a WebAssembly 1 module.")
    reader = _ModuleReader(wasm)
    try:
        return reader.read()
    except (IndexError, UnicodeDecodeError) as error:
        raise InvalidWasm(f"It is cut short or damaged near byte {reader.position}.") from error


class _Reader:
    """Numbers and names at a position. Raises IndexError at the end of the bytes."""

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
        raise InvalidWasm(f"The number at byte {self.position - 5} is too long.")

    def count(self, what: str, most: int) -> int:
        """How many of something follow."""
        count = self.u32()
        if count > most:
            raise InvalidWasm(f"It has {count} {what}; {most} are allowed.")
        return count

    def name(self) -> str:
        size = self.u32()
        if size > MAX_NAME_BYTES:
            raise InvalidWasm(f"A name in it has {size} bytes; {MAX_NAME_BYTES} are allowed.")
        raw = self.data[self.position : self.position + size]
        if len(raw) != size:
            raise IndexError
        self.position += size
        name = raw.decode()
        if _CONTROL.search(name):
            # The runtime hands names to C, where NUL ends them: it would abort, and its process with it.
            raise InvalidWasm(f"The name {name!r} in it holds a control character.")
        return name

    def value_types(self) -> list[str]:
        size = self.count("parameters or results of one function", MAX_PARAMS)
        codes = self.data[self.position : self.position + size]
        if unknown := set(codes) - _VALUE_TYPES.keys():
            raise InvalidWasm(f"It uses the value type {min(unknown):#x}. {_NO_GC}")
        self.position += size
        return [_VALUE_TYPES[code] for code in codes]

    def minimum(self, what: str) -> int:
        """The first of two limits; the other is there if the flags say so."""
        flags = self.byte()
        if flags & _64_BIT:
            raise InvalidWasm(f"It has a 64-bit {what}. Build it for wasm32.")
        if flags & _SHARED:
            raise InvalidWasm(f"It has a shared {what}. Build it without threads.")
        if flags & ~_HAS_MAXIMUM:
            raise InvalidWasm(f"It has a {what} with unknown flags ({flags:#x}).")
        minimum = self.u32()
        if flags & _HAS_MAXIMUM and (maximum := self.u32()) < minimum:
            raise InvalidWasm(f"It has a {what} of at least {minimum} and at most {maximum}.")
        return minimum


class _ModuleReader(_Reader):
    """Reads the sections in turn and remembers what the later ones and the Module need."""

    def __init__(self, wasm: bytes) -> None:
        super().__init__(wasm, len(_HEADER))
        self.types: list[str] = []
        self.imports: list[Import] = []
        self.functions: list[int] = []  # of which type each is that the module itself defines
        self.exports: dict[str, str] = {}
        self.memory_pages = 0
        self.bodies = 0
        self.data_count: int | None = None

    def read(self) -> Module:
        done, custom = -1, 0
        while self.position < len(self.data):
            number, size = self.byte(), self.u32()
            end = self.position + size
            if end > len(self.data):
                raise InvalidWasm(f"Section {number} says that it is longer than the file.")
            if number == _CUSTOM:
                custom += 1
                self.custom_section(custom, end)
            else:
                done = self.place(number, done)
                self.section(number, end)
            self.position = end
        if self.bodies != len(self.functions):
            raise InvalidWasm(f"It declares {len(self.functions)} functions, but has code for {self.bodies}.")
        return Module(tuple(self.imports), self.exports, self.memory_pages)

    def custom_section(self, number: int, end: int) -> None:
        """Debug information, names, notes of the compiler: all but its name is skipped."""
        if number > MAX_CUSTOM_SECTIONS:
            raise InvalidWasm(f"It has more than {MAX_CUSTOM_SECTIONS} custom sections.")
        self.name()
        if self.position > end:
            raise InvalidWasm("A custom section in it is shorter than its name.")

    def place(self, number: int, done: int) -> int:
        """Where in the order the section stands; it must come after the last that was read."""
        if number not in _NAMES:
            raise InvalidWasm(f"It has a section of the unknown kind {number}.")
        place = _ORDER.index(number)
        if place <= done:
            raise InvalidWasm(f"Its {_NAMES[number]} section stands twice or in the wrong place.")
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
            raise InvalidWasm(f"Its {_NAMES[number]} section is not as long as it says.")

    def types_section(self) -> None:
        for _ in range(self.count("types", MAX_TYPES)):
            form = self.byte()
            if form != _FUNCTION_FORM:
                raise InvalidWasm(f"It declares a type of the form {form:#x}. {_NO_GC}")
            params, results = self.value_types(), self.value_types()
            returned = results[0] if len(results) == 1 else f"({', '.join(results)})"
            self.types.append(f"({', '.join(params)}) -> {returned}")

    def imports_section(self) -> None:
        for _ in range(self.count("imports", MAX_IMPORTS)):
            namespace, name, kind = self.name(), self.name(), self.byte()
            if kind != _FUNCTION:
                what = _KINDS[kind] if kind < len(_KINDS) else f"unknown kind {kind}"
                raise InvalidWasm(
                    f"It imports the {what} {namespace}.{name}. Only functions can be imported: a plugin "
                    "brings its own memory, tables and globals."
                )
            self.imports.append(Import(namespace, name, self.types[self.u32()]))

    def functions_section(self) -> None:
        self.functions = [self.u32() for _ in range(self.count("functions", MAX_FUNCTIONS))]
        if self.functions and max(self.functions) >= len(self.types):
            raise InvalidWasm(
                f"It has a function of the type {max(self.functions)}, which it does not declare."
            )

    def tables_section(self) -> None:
        elements = 0
        for _ in range(self.count("tables", MAX_TABLES)):
            if self.byte() not in _REFERENCE_TYPES:
                raise InvalidWasm(f"It has a table of neither funcref nor externref. {_NO_GC}")
            elements += self.minimum("table")
        if elements > MAX_TABLE_ELEMENTS:
            raise InvalidWasm(f"Its tables begin with {elements} elements; {MAX_TABLE_ELEMENTS} are allowed.")

    def memories_section(self) -> None:
        for _ in range(self.count("memories", MAX_MEMORIES)):
            self.memory_pages = self.minimum("memory")

    def exports_section(self) -> None:
        names = set()
        for _ in range(self.count("exports", MAX_EXPORTS)):
            name, kind, index = self.name(), self.byte(), self.u32()
            if name in names:
                raise InvalidWasm(f"It exports {name!r} twice.")  # the runtime would abort
            names.add(name)
            if kind == _FUNCTION:
                self.exports[name] = self.signature(index)

    def signature(self, index: int) -> str:
        """Imported functions are counted before the module's own."""
        if index < len(self.imports):
            return self.imports[index].signature
        return self.types[self.functions[index - len(self.imports)]]

    def start_section(self) -> None:
        raise InvalidWasm(
            "It has a start function, which would run before any limit holds. Export `_initialize` instead."
        )

    def data_count_section(self) -> None:
        self.data_count = self.count("data segments", MAX_DATA_SEGMENTS)

    def code_section(self) -> None:
        self.bodies = self.count("functions", MAX_FUNCTIONS)

    def data_section(self) -> None:
        segments = self.count("data segments", MAX_DATA_SEGMENTS)
        if self.data_count not in {None, segments}:
            raise InvalidWasm(f"It announces {self.data_count} data segments, but has {segments}.")
