"""Reading modules: each rule with a module that breaks it; for any bytes no other error than InvalidWasm."""

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


def refused(module: bytes, reason: str) -> None:
    with pytest.raises(InvalidWasm, match=re.escape(reason)):
        read_module(module)


def with_section(number: int, content: bytes) -> bytes:
    return build.module(functions=RUN, replaced={number: content})


def with_export(name: str | bytes) -> bytes:
    return with_section(build.EXPORT, build.vector([build.name(name) + b"\0\0"]))


def with_types(*types: bytes) -> bytes:
    return with_section(build.TYPE, build.vector([build.function_type("() -> i32"), *types]))


def test_what_a_module_takes_and_gives_is_read() -> None:
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


def test_an_imported_function_that_is_exported_again_has_the_signature_of_the_import() -> None:
    exported = build.vector([build.name("again") + b"\0\0", build.name("run") + b"\0\1"])
    module = build.module(imports=[ALLOC], functions=RUN, replaced={build.EXPORT: exported})
    assert read_module(module).exports == {"again": "(i64) -> i64", "run": "() -> i32"}


SOUND = [path for path in SOURCES if path.stem not in REFUSED]


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)
def test_what_compilers_make_is_read(path: Path) -> None:
    assert read_module(path.read_bytes()).exports


# --- the header ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [b"", b"\0asm", b"\0asm\x02\0\0\0", b'{"wasm":[{"path":"/etc/passwd"}]}', b"PK\x03\x04", b"(module)"],
    ids=["empty", "short", "version 2", "an Extism manifest", "a zip", "text format"],
)
def test_only_webassembly_1_is_read(start: bytes) -> None:
    refused(start, "does not begin like a WebAssembly 1 module")


def test_a_component_is_told_from_a_module() -> None:
    refused(b"\0asm\x0d\0\x01\0" + b"\0" * 100, "It is a WebAssembly component. Build a core module")


# --- sections -----------------------------------------------------------------------------------------


def test_sections_have_one_place() -> None:
    again = build.section(build.EXPORT, b"\0")
    refused(build.module(functions=RUN, tail=again), "Its export section stands twice or in the wrong place.")
    early = build.HEADER + build.section(build.MEMORY, b"\0") + build.section(build.TABLE, b"\0")
    refused(early, "Its table section stands twice or in the wrong place.")


def test_tags_and_data_counts_stand_where_the_standard_puts_them() -> None:
    """Their numbers are not in order."""
    sections = {build.TAG: b"\0", build.GLOBAL: b"\0", build.DATA_COUNT: b"\0", build.DATA: b"\0"}
    assert read_module(build.module(functions=RUN, replaced=sections)).exports


def test_custom_sections_may_stand_anywhere() -> None:
    module = build.module(functions=RUN)
    note = build.section(build.CUSTOM, build.name("note"))
    everywhere = build.HEADER + note + module[len(build.HEADER) :] + note
    assert read_module(everywhere) == read_module(module)


def test_custom_sections_are_counted_and_hold_their_names() -> None:
    note = build.section(build.CUSTOM, build.name(""))
    assert read_module(build.module(functions=RUN, tail=note * wasm.MAX_CUSTOM_SECTIONS))
    refused(
        build.module(functions=RUN, tail=note * (wasm.MAX_CUSTOM_SECTIONS + 1)),
        "more than 1000 custom sections",
    )
    refused(build.module(functions=RUN, tail=b"\0\1\5" + b"x" * 9), "shorter than its name")


def test_an_unknown_section_is_refused() -> None:
    refused(build.module(functions=RUN, tail=build.section(14, b"")), "a section of the unknown kind 14")


def test_a_section_is_as_long_as_it_says() -> None:
    refused(build.module(functions=RUN, tail=b"\0\x7f"), "longer than the file")
    refused(with_section(build.MEMORY, b"\1\0\1junk"), "Its memory section is not as long as it says.")
    refused(with_section(build.MEMORY, b"\1\0"), "Its memory section is not as long as it says.")


def test_every_function_has_code() -> None:
    refused(with_section(build.CODE, b"\0"), "declares 1 functions, but has code for 0")


def test_data_segments_are_as_many_as_announced() -> None:
    sections = {build.DATA_COUNT: b"\2", build.DATA: b"\1"}
    refused(build.module(functions=RUN, replaced=sections), "announces 2 data segments, but has 1")


def test_a_start_function_is_refused() -> None:
    refused(with_section(build.START, b"\0"), "It has a start function")


# --- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run\0", "\n", "\x7f", "\x9b31m"])
def test_names_hold_no_control_characters(name: str) -> None:
    refused(with_export(name), f"The name {name!r} in it holds a control character.")
    refused(build.module(imports=[(EXTISM_NAMESPACE, name, "() -> ()")]), "control character")
    refused(build.module(imports=[(name, "alloc", "() -> ()")]), "control character")


def test_names_are_unicode_of_bounded_length() -> None:
    assert "größe" in read_module(with_export("größe")).exports
    assert read_module(with_export("x" * wasm.MAX_NAME_BYTES))
    refused(with_export("x" * (wasm.MAX_NAME_BYTES + 1)), "A name in it has 1001 bytes; 1000 are allowed.")
    refused(with_export(b"\xff"), "damaged")


def test_an_export_stands_once() -> None:
    twice = build.vector([build.name("run") + b"\0\0", build.name("run") + b"\2\0"])
    refused(with_section(build.EXPORT, twice), "It exports 'run' twice.")


# --- imports, types and functions ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "what"), [(1, "table"), (2, "memory"), (3, "global"), (4, "tag"), (9, "unknown kind 9")]
)
def test_only_functions_are_imported(kind: int, what: str) -> None:
    imported = build.vector([build.name("env") + build.name("x") + bytes([kind]) + b"\0\0"])
    refused(with_section(build.IMPORT, imported), f"It imports the {what} env.x. Only functions")


def test_garbage_collected_types_are_refused() -> None:
    refused(with_types(b"\x5f\0"), "It declares a type of the form 0x5f. Build it without")
    refused(with_types(b"\x60\1\x6e\0"), "It uses the value type 0x6e. Build it without")
    refused(with_section(build.TABLE, b"\1\x6e\0\1"), "It has a table of neither funcref nor externref.")


@pytest.mark.parametrize("number", [build.IMPORT, build.FUNCTION, build.EXPORT])
def test_what_is_not_declared_cannot_be_meant(number: int) -> None:
    beyond = {
        build.IMPORT: build.vector([build.name("x") + build.name("y") + b"\0\7"]),
        build.FUNCTION: build.vector([b"\7"]),
        build.EXPORT: build.vector([build.name("run") + b"\0\7"]),
    }
    with pytest.raises(InvalidWasm):
        read_module(with_section(number, beyond[number]))


def test_functions_are_of_declared_types() -> None:
    two = {build.FUNCTION: build.vector([b"\0", b"\7"]), build.CODE: b"\2"}
    refused(build.module(functions=RUN, replaced=two), "a function of the type 7, which it does not declare")


# --- how much -----------------------------------------------------------------------------------------


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
def test_counts_are_bounded(number: int, most: int, what: str) -> None:
    refused(with_section(number, build.u32(most + 1)), f"It has {most + 1} {what}; {most} are allowed.")


def test_parameters_are_bounded() -> None:
    many = ", ".join(["i32"] * (wasm.MAX_PARAMS + 1))
    refused(with_types(build.function_type(f"({many}) -> ()")), "256 parameters or results of one function")


def test_tables_are_bounded_together() -> None:
    half = b"\x70" + build.limits(wasm.MAX_TABLE_ELEMENTS // 2)
    assert read_module(with_section(build.TABLE, build.vector([half, half])))
    more = b"\x6f" + build.limits(1, 5)
    refused(
        with_section(build.TABLE, build.vector([half, half, more])), "Its tables begin with 100001 elements"
    )


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (build.limits(1, flags=4), "64-bit memory. Build it for wasm32."),
        (build.limits(1, 2, flags=2), "shared memory. Build it without threads."),
        (build.limits(1, flags=8) + b"\0", "unknown flags (0x8)"),
        (build.limits(2, 1), "at least 2 and at most 1"),
    ],
)
def test_memories_are_plain(limits: bytes, reason: str) -> None:
    refused(with_section(build.MEMORY, build.vector([limits])), reason)


@pytest.mark.parametrize(
    "number", [b"\x80\x80\x80\x80\x80\0", b"\xff\xff\xff\xff\x1f"], ids=["six bytes", "33 bits"]
)
def test_numbers_have_32_bits(number: bytes) -> None:
    refused(with_section(build.MEMORY, b"\1\0" + number), "is too long")


def test_numbers_may_be_padded() -> None:
    """Linkers write them so, to fill in the value later."""
    module = with_section(build.MEMORY, b"\x81\x80\0\0\x91\x80\x80\x80\0")
    assert read_module(module).memory_pages == 17


# --- any bytes ----------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_any_bytes_after_the_header_are_read_or_refused(tail: bytes) -> None:
    assert read_or_refused(build.HEADER + tail)


def test_every_beginning_of_a_module_is_read_or_refused() -> None:
    module = build.module(imports=[ALLOC], functions=RUN)
    assert read_module(module)
    whole = [size for size in range(len(module)) if read_or_refused(module[:size]) == "read"]
    assert len(whole) == 3, "that is: after the header, the types, the imports; functions need their code"


def read_or_refused(module: bytes) -> str:
    try:
        read_module(module)
    except InvalidWasm as problem:
        assert problem.detail
        return "refused"
    return "read"
