"""Parsing modules: one module that breaks each rule, and no error but InvalidWasm for any input."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.bundles import wasm
from plugins.bundles.wasm import Import, InvalidWasm, Module, read_module
from plugins.bundles.wasm_imports import EXTISM_NAMESPACE
from tests.plugins.bundles import wasm_builder as build
from tests.plugins.bundles.mutations import SOURCES
from tests.plugins.runtime.test_hostile import REFUSED

RUN = {"run": "() -> i32"}
ALLOC = (EXTISM_NAMESPACE, "alloc", "(i64) -> i64")


def assert_refused(module: bytes, reason: str) -> None:
    with pytest.raises(InvalidWasm, match=re.escape(reason)):
        read_module(module)


def with_section(number: int, content: bytes) -> bytes:
    return build.module(functions=RUN, replaced={number: content})


def with_export(name: str | bytes) -> bytes:
    return with_section(build.EXPORT, build.vector([build.name(name) + b"\0\0"]))


def with_types(*types: bytes) -> bytes:
    return with_section(build.TYPE, build.vector([build.function_type("() -> i32"), *types]))


def test_imports_exports_and_memory_are_read() -> None:
    module = build.module(
        imports=[ALLOC, ("env", "abort", "(i32, i32, f32, f64) -> ()")],
        functions={"run": "() -> i32", "hs_init": "(i32, i32) -> ()"},
        replaced={build.MEMORY: build.vector([build.limits(17, 100)])},
        tail=build.section(build.CUSTOM, build.name("name") + b"anything"),
    )
    assert read_module(module) == Module(
        imports=(Import(*ALLOC), Import("env", "abort", "(i32, i32, f32, f64) -> ()")),
        exports={"run": "() -> i32", "hs_init": "(i32, i32) -> ()"},
        memory_pages=17,
    )


def test_reexported_import_has_the_signature_of_the_import() -> None:
    exported = build.vector([build.name("again") + b"\0\0", build.name("run") + b"\0\1"])
    module = build.module(imports=[ALLOC], functions=RUN, replaced={build.EXPORT: exported})
    assert read_module(module).exports == {"again": "(i64) -> i64", "run": "() -> i32"}


VALID = [path for path in SOURCES if path.stem not in REFUSED]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_compiled_module_is_read(path: Path) -> None:
    assert read_module(path.read_bytes()).exports


# --- the header ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [b"", b"\0asm", b"\0asm\x02\0\0\0", b'{"wasm":[{"path":"/etc/passwd"}]}', b"PK\x03\x04", b"(module)"],
    ids=["empty", "short", "version 2", "an Extism manifest", "a zip", "text format"],
)
def test_only_webassembly_1_is_read(start: bytes) -> None:
    assert_refused(start, "does not start with the header of a WebAssembly 1 module")


def test_component_is_refused_with_advice() -> None:
    assert_refused(
        b"\0asm\x0d\0\x01\0" + b"\0" * 100, "The file is a WebAssembly component. Build a core module"
    )


# --- sections -----------------------------------------------------------------------------------------


def test_repeated_or_misplaced_section_is_refused() -> None:
    again = build.section(build.EXPORT, b"\0")
    assert_refused(
        build.module(functions=RUN, tail=again), "The export section is repeated or in the wrong place."
    )
    early = build.HEADER + build.section(build.MEMORY, b"\0") + build.section(build.TABLE, b"\0")
    assert_refused(early, "The table section is repeated or in the wrong place.")


def test_tag_and_data_count_sections_follow_the_standards_order() -> None:
    """Their order differs from that of their numbers."""
    sections = {build.TAG: b"\0", build.GLOBAL: b"\0", build.DATA_COUNT: b"\0", build.DATA: b"\0"}
    assert read_module(build.module(functions=RUN, replaced=sections)).exports


def test_custom_sections_may_appear_anywhere() -> None:
    module = build.module(functions=RUN)
    note = build.section(build.CUSTOM, build.name("note"))
    everywhere = build.HEADER + note + module[len(build.HEADER) :] + note
    assert read_module(everywhere) == read_module(module)


def test_custom_sections_are_limited_and_must_contain_their_names() -> None:
    note = build.section(build.CUSTOM, build.name(""))
    assert read_module(build.module(functions=RUN, tail=note * wasm.MAX_CUSTOM_SECTIONS))
    assert_refused(
        build.module(functions=RUN, tail=note * (wasm.MAX_CUSTOM_SECTIONS + 1)),
        "more than 1000 custom sections",
    )
    assert_refused(build.module(functions=RUN, tail=b"\0\1\5" + b"x" * 9), "shorter than its name")


def test_unknown_section_is_refused() -> None:
    assert_refused(
        build.module(functions=RUN, tail=build.section(14, b"")), "a section of the unknown kind 14"
    )


def test_section_with_a_wrong_length_is_refused() -> None:
    assert_refused(build.module(functions=RUN, tail=b"\0\x7f"), "extends past the end of the file")
    assert_refused(
        with_section(build.MEMORY, b"\1\0\1junk"),
        "The length of the memory section does not match its content.",
    )
    assert_refused(
        with_section(build.MEMORY, b"\1\0"), "The length of the memory section does not match its content."
    )


def test_function_without_code_is_refused() -> None:
    assert_refused(with_section(build.CODE, b"\0"), "declares 1 functions but has code for 0")


def test_wrong_data_count_is_refused() -> None:
    sections = {build.DATA_COUNT: b"\2", build.DATA: b"\1"}
    assert_refused(build.module(functions=RUN, replaced=sections), "declares 2 data segments but has 1")


def test_start_function_is_refused() -> None:
    assert_refused(with_section(build.START, b"\0"), "The module has a start function")


# --- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run\0", "\n", "\x7f", "\x9b31m"])
def test_name_with_a_control_character_is_refused(name: str) -> None:
    assert_refused(with_export(name), f"The name {name!r} contains a control character.")
    assert_refused(build.module(imports=[(EXTISM_NAMESPACE, name, "() -> ()")]), "control character")
    assert_refused(build.module(imports=[(name, "alloc", "() -> ()")]), "control character")


def test_names_are_utf_8_of_limited_length() -> None:
    assert "größe" in read_module(with_export("größe")).exports
    assert read_module(with_export("x" * wasm.MAX_NAME_BYTES))
    assert_refused(
        with_export("x" * (wasm.MAX_NAME_BYTES + 1)),
        "A name in the module has 1001 bytes; the limit is 1000.",
    )
    assert_refused(with_export(b"\xff"), "damaged")


def test_duplicate_export_is_refused() -> None:
    twice = build.vector([build.name("run") + b"\0\0", build.name("run") + b"\2\0"])
    assert_refused(with_section(build.EXPORT, twice), "The module exports 'run' twice.")


# --- imports, types and functions ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "what"), [(1, "table"), (2, "memory"), (3, "global"), (4, "tag"), (9, "unknown kind 9")]
)
def test_only_functions_may_be_imported(kind: int, what: str) -> None:
    imported = build.vector([build.name("env") + build.name("x") + bytes([kind]) + b"\0\0"])
    assert_refused(
        with_section(build.IMPORT, imported),
        f"The module imports the {what} env.x. A plugin may import only functions",
    )


def test_garbage_collected_types_are_refused() -> None:
    assert_refused(
        with_types(b"\x5f\0"), "The module declares a type of the unsupported form 0x5f. Build it without"
    )
    assert_refused(
        with_types(b"\x60\1\x6e\0"), "The module uses the unsupported value type 0x6e. Build it without"
    )
    assert_refused(
        with_section(build.TABLE, b"\1\x6e\0\1"), "a table of something other than funcref or externref."
    )


@pytest.mark.parametrize("number", [build.IMPORT, build.FUNCTION, build.EXPORT])
def test_index_of_something_undeclared_is_refused(number: int) -> None:
    beyond = {
        build.IMPORT: build.vector([build.name("x") + build.name("y") + b"\0\7"]),
        build.FUNCTION: build.vector([b"\7"]),
        build.EXPORT: build.vector([build.name("run") + b"\0\7"]),
    }
    with pytest.raises(InvalidWasm):
        read_module(with_section(number, beyond[number]))


def test_function_of_an_undeclared_type_is_refused() -> None:
    two = {build.FUNCTION: build.vector([b"\0", b"\7"]), build.CODE: b"\2"}
    assert_refused(
        build.module(functions=RUN, replaced=two), "a function of type 7, which it does not declare"
    )


# --- limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "most", "what"),
    [
        (build.TYPE, wasm.MAX_TYPES, "types"),
        (build.IMPORT, wasm.MAX_IMPORTS, "imports"),
        (build.FUNCTION, wasm.MAX_FUNCTIONS, "functions"),
        (build.TABLE, wasm.MAX_TABLES, "tables"),
        (build.MEMORY, wasm.MAX_MEMORIES, "memories"),
        (build.TAG, wasm.MAX_TAGS, "tags"),
        (build.GLOBAL, wasm.MAX_GLOBALS, "globals"),
        (build.EXPORT, wasm.MAX_EXPORTS, "exports"),
        (build.ELEMENT, wasm.MAX_ELEMENT_SEGMENTS, "element segments"),
        (build.CODE, wasm.MAX_FUNCTIONS, "functions"),
        (build.DATA, wasm.MAX_DATA_SEGMENTS, "data segments"),
        (build.DATA_COUNT, wasm.MAX_DATA_SEGMENTS, "data segments"),
    ],
)
def test_counts_are_limited(number: int, most: int, what: str) -> None:
    assert_refused(
        with_section(number, build.u32(most + 1)), f"The module has {most + 1} {what}; the limit is {most}."
    )


def test_parameters_are_limited() -> None:
    many = ", ".join(["i32"] * (wasm.MAX_PARAMS + 1))
    assert_refused(
        with_types(build.function_type(f"({many}) -> ()")), "256 parameters or results of one function"
    )


def test_tables_share_one_limit() -> None:
    half = b"\x70" + build.limits(wasm.MAX_TABLE_ELEMENTS // 2)
    assert read_module(with_section(build.TABLE, build.vector([half, half])))
    more = b"\x6f" + build.limits(1, 5)
    assert_refused(
        with_section(build.TABLE, build.vector([half, half, more])),
        "The module's tables start with 100001 elements",
    )


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (build.limits(1, flags=4), "64-bit memory. Build it for wasm32."),
        (build.limits(1, 2, flags=2), "shared memory. Build it without threads."),
        (build.limits(1, flags=8) + b"\0", "unknown flags (0x8)"),
        (build.limits(2, 1), "a memory whose minimum, 2, exceeds its maximum, 1"),
    ],
)
def test_unsupported_memory_is_refused(limits: bytes, reason: str) -> None:
    assert_refused(with_section(build.MEMORY, build.vector([limits])), reason)


@pytest.mark.parametrize(
    "number", [b"\x80\x80\x80\x80\x80\0", b"\xff\xff\xff\xff\x1f"], ids=["six bytes", "33 bits"]
)
def test_number_over_32_bits_is_refused(number: bytes) -> None:
    assert_refused(with_section(build.MEMORY, b"\1\0" + number), "is not a valid 32-bit number")


def test_number_may_be_padded() -> None:
    """Linkers pad numbers so that they can fill in the value later."""
    module = with_section(build.MEMORY, b"\x81\x80\0\0\x91\x80\x80\x80\0")
    assert read_module(module).memory_pages == 17


# --- arbitrary bytes ----------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_arbitrary_bytes_after_the_header_raise_only_invalid_wasm(tail: bytes) -> None:
    is_valid(build.HEADER + tail)


def test_truncated_module_raises_only_invalid_wasm() -> None:
    module = build.module(imports=[ALLOC], functions=RUN)
    assert read_module(module)
    valid_sizes = [size for size in range(len(module)) if is_valid(module[:size])]
    assert len(valid_sizes) == 3, "after the header, the types and the imports; functions need their code"


def is_valid(module: bytes) -> bool:
    try:
        read_module(module)
    except InvalidWasm as problem:
        assert problem.detail
        return False
    return True
