"""Values that convert must not change silently. It may refuse a text, but never answer with other data."""

import json
from typing import Any

import pytest
import yaml

from tests.plugins.bundled.convert.module import Module, Refused


def refusal(module: Module, text: str, source: str, code: str, to: str = "json", **options: Any) -> str:
    with pytest.raises(Refused) as refused:
        module(text, source, to, **options)
    assert refused.value.code == code
    return str(refused.value.detail)


# --- Markdown -----------------------------------------------------------------------------------------


def body(module: Module, text: str) -> str:
    return module(text, "markdown", "html").partition("<body>\n")[2].removesuffix("</body>\n</html>\n")


def test_text_between_thematic_breaks_is_kept(module: Module) -> None:
    html = body(module, "# Notes\n\n---\n## B\nThis is lost.\n\n---\n## C\n")
    assert html == (
        '<h1 id="notes">Notes</h1>\n<hr />\n<h2 id="b">B</h2>\n<p>This is lost.</p>\n<hr />\n'
        '<h2 id="c">C</h2>\n'
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_metadata_at_the_top_is_left_out(module: Module, end: str) -> None:
    text = "---\n# comment\ntitle: x\n\ntags: [a]\n---\n# Hello\n".replace("\n", end)
    assert body(module, text) == '<h1 id="hello">Hello</h1>\n'


@pytest.mark.parametrize(
    "text",
    [
        "---\n## B\nThis stays.\n---\n",
        "---\n\nThis stays.\n\n---\n",
        "---\n- This stays.\n---\n",
        "---\na: This stays.\na: b\n---\n",
        "---\na: This stays.\n",
        "\n---\na: This stays.\n---\n",
        "text\n\n---\na: This stays.\n---\n",
        "---\na: [This stays.\n---\n",
    ],
)
def test_what_is_not_metadata_stays(module: Module, text: str) -> None:
    assert "This stays." in body(module, text)


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("Tea & *cake*", "tea--cake"),
        ("`code_x`: [link](https://e.org)!", "code_x-link"),
        ("Über 3.1 + ÉTÉ", "über-31--été"),
        ("日本語 x² ½", "日本語-x-"),
        ("a-b_c  d", "a-b_c--d"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_headings_have_the_ids_that_github_gives(module: Module, heading: str, slug: str) -> None:
    assert f'<h2 id="{slug}">' in body(module, f"## {heading}\n")


def test_repeated_headings_have_different_ids(module: Module) -> None:
    html = body(module, "# A\n\n# A\n\n# A-1\n\n# A\n\n# !\n")
    assert [part.partition('"')[0] for part in html.split('id="')[1:]] == ["a", "a-1", "a-1-1", "a-2"]
    assert "<h1>!</h1>" in html


def test_footnotes_have_other_ids_than_headings(module: Module) -> None:
    html = body(module, "# 1\n\nx[^1]\n\n[^1]: note\n")
    assert 'id="1"' in html
    assert 'href="#fn-1"' in html
    assert 'id="fn-1"' in html


def test_table_columns_are_aligned_without_styles(module: Module) -> None:
    html = body(module, "|a|b|c|d|\n|:-|:-:|-:|-|\n|1|2|3|4|\n")
    assert "style" not in html
    for cell in ("th", "td"):
        for align in (' align="left"', ' align="center"', ' align="right"', ""):
            assert f"<{cell}{align}>" in html


# --- CSV: the delimiter -------------------------------------------------------------------------------

UNCLEAR = [
    'April 15, 2023;1;x;        A;B;"x,y,z"\nApril 14, 2023;2;y;\nApril 9, 2023;3;z\n',
    "a|b,c|d\n1|2,3|4\n",
    "a;b,c\n1;2,c\n",
    "Report\n\na;b;c\n1;2;3\n4;5;6\n",
]


@pytest.mark.parametrize("text", UNCLEAR)
def test_unclear_delimiter_is_asked_for(module: Module, text: str) -> None:
    assert "choose the delimiter" in refusal(module, text, "csv", "invalid-csv")
    if text.startswith("A"):
        assert "delimiter" not in module.detect(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Preis, netto;Menge\n1,5;2\n2,5;3\n", {"Preis, netto": "1,5", "Menge": "2"}),
        ("name\tnote\nDoe, J\t5\n", {"name": "Doe, J", "note": "5"}),
        ("Last, first\tage\nDoe, J\t5\n", {"Last, first": "Doe, J", "age": "5"}),
        ('a,b\n"1;2","3;4"\n', {"a": "1;2", "b": "3;4"}),
        ('"a;x",b\n"1;2",3\n', {"a;x": "1;2", "b": "3"}),
        ("a|b\n1,2|3,4\n", {"a": "1,2", "b": "3,4"}),
        ("note\nHello; you\nx\n", {"note": "Hello; you"}),
    ],
)
def test_delimiter_is_found(module: Module, text: str, expected: Any) -> None:
    assert module.data(text, "csv")[0] == expected


def test_delimiter_of_a_very_wide_header_is_found(module: Module) -> None:
    names = [f"column{number}" for number in range(10_000)]
    text = ";".join(names) + "\n" + ";".join("1" * 10_000) + "\n"
    assert module.data(text, "csv") == [dict.fromkeys(names, "1")]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", "sep=;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spreadsheet_names_its_delimiter(module: Module, line: str, end: str) -> None:
    text = f"{line}\na,x;b\n1;2\n".replace("\n", end)
    assert module.data(text, "auto") == module.data(text, "csv") == [{"a,x": "1", "b": "2"}]
    assert module.detect(text)["delimiter"] == "semicolon"


def test_unknown_named_delimiter_is_refused(module: Module) -> None:
    assert refusal(module, "sep=^\na^b\n", "csv", "invalid-csv").startswith(
        "Line 1, column 1: this line names"
    )


def test_text_that_looks_like_an_instruction_survives(module: Module) -> None:
    rows = [{"sep=;": "\ufeffx"}]
    assert module.data(module(json.dumps(rows), "json", "csv"), "csv") == rows


# --- CSV: quotes, empty rows and columns --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('a,b\n1,"5" disk"\n', "Line 2, column 6: there is text after a closing quote"),
        ('a,b\n1,"5"\t\n', "Line 2, column 6: there is text after a closing quote"),
        ('a,b\n1,"é" x\n2,"y"\n', "Line 2, column 6: there is text after a closing quote"),
        ('a,b\n1,"5 disk\n2,"6"\n', "Line 3, column 4: there is text after a closing quote"),
        ('a,b\n1, "2"\n', "Line 2, column 4: there is space before this quote"),
        ('a,b\n1,"2\n', "Line 2, column 3: this quote is never closed"),
        ('a,b\n1,"2""\n', "Line 2, column 3: this quote is never closed"),
        ('a"\n"b" c\n', "Line 2, column 4: there is text after a closing quote"),
    ],
)
def test_misplaced_quote_is_refused(module: Module, text: str, place: str) -> None:
    assert refusal(module, text, "csv", "invalid-csv", delimiter="comma").startswith(place)


def test_quote_inside_an_unquoted_value_stands_for_itself(module: Module) -> None:
    assert module.data('a,b\n1,5" disk\n', "csv") == [{"a": "1", "b": '5" disk'}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b,,\n1,2,,\n,,,\n3,4,,\n", [{"a": "1", "b": "2"}, {"a": "", "b": ""}, {"a": "3", "b": "4"}]),
        (",a,,b\n,1,,2\n", [{"a": "1", "b": "2"}]),
        ("a,,\n1,,2\n", [{"a": "1", "": "2"}]),
        ("a,b\n1,2,,\n3,4\n,,,,\n,\n", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}, {"a": "", "b": ""}]),
        ("a,b,c\n\n1,2,3\n \n,\n", [{"a": "1", "b": "2", "c": "3"}]),
    ],
)
def test_empty_rows_and_columns_of_spreadsheets_are_harmless(
    module: Module, text: str, expected: Any
) -> None:
    assert module.data(text, "csv") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,,\n1,2,3\n", "two columns with values have no name"),
        ("a,b,c\n1,2\n", "this row has 2 values"),
        ("a,b\n1,2,3\n", "this row has 3 values"),
        ("a,b\n1,2,,3\n", "this row has 4 values"),
    ],
)
def test_values_without_a_column_are_refused(module: Module, text: str, message: str) -> None:
    assert message in refusal(module, text, "csv", "invalid-csv")


def test_table_without_rows_keeps_its_header(module: Module) -> None:
    assert module("a;b, c\n", "csv", "csv", delimiter="semicolon") == 'a,"b, c"\n'
    assert module.data("a,b\n", "csv") == []
    assert module.data("a,b\n", "csv", header=False) == [["a", "b"]]


# --- Detection ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    [
        "---\n# Source: a.yaml\nkind: A\n",
        "---\n# Source: a.yaml\nkind: A\n---\n# Source: b.yaml\nkind: B\nitems:\n  - c\n",
        "---\nkind: A\n---\n# one\n# two\nkind: B\n",
        "# comment\n---\na: 1\n",
        "\n---\na: 1\n",
        "--- # comment\na: 1\n",
        "--- !!map\na: 1\n",
        "---\n- a\n---\n# comment\n- b\n",
        "a: 1\n---\nb: 1\n---\nc: 1\n",
        "# comment\n- a\n- b\n",
        '---\nx: 1\n---\n- "**/x"\n- a\n',
        "%TAG ! tag:e.org:\n---\na: 1\n",
        "%YAML 1.2\n---\na: 1\n",
    ],
)
def test_yaml_is_not_taken_for_markdown(module: Module, text: str, end: str) -> None:
    assert module.detect(text.replace("\n", end))["format"] == "yaml"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: x\n---\n# Hello\n",
        "---\ntitle: x\n---\n\n# Hello\n\n- one\n- two\n",
        "---\ntitle: x\n---\nRead [this](https://e.org).\n",
        "---\n\n# Title\n\nText.\n",
        "# Title\n\n- one\n- two\n",
    ],
)
def test_markdown_is_not_taken_for_yaml(module: Module, text: str, end: str) -> None:
    assert module.detect(text.replace("\n", end))["format"] == "markdown"


# --- YAML ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'ports: [\n  "80",\n]\n',
        "a: {\n  b: 1,\n}\nc: 2\n",
        "a:\n  b: [\n    1\n  ]\n  c: {\n    d: [\n      2\n  ]}\n",
        "- [\n  a\n]\n- b\n",
        "a: [\n  x\n  y # ]\n]\n",
        "a: [ # [\n  ']', \"]\"\n]\n",
        "a: [\r\n  é,\r\n]\r\nb: |\r\n  ]\r\n  x\r\n",
    ],
)
def test_closing_bracket_may_stand_under_its_key(module: Module, text: str) -> None:
    assert module.data(text, "yaml") == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["a: b\n]\n", 'a: "x\n]"\n', "a: [\nx\n]\n", "a: |\n  x\n ]\n"])
def test_other_brackets_must_be_indented(module: Module, text: str) -> None:
    refusal(module, text, "yaml", "invalid-yaml")


def test_places_after_a_closing_bracket_are_right(module: Module) -> None:
    text = 'long_key: [\n  "\\ud83d\\ude00", é\n]\nb: *x\n'
    assert refusal(module, text, "yaml", "invalid-yaml").startswith("Line 4, column 4:")
    text = 'a: "\\ud83d\\ude00"\nb: ["\\ud83d\\ude00", *x]\n'
    assert refusal(module, text, "yaml", "invalid-yaml").startswith("Line 2, column 21:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'a: "\ud83d\ude00\uD83D\uDE00!"', "😀😀!"),
        (r'a: "\\ud83d\\ude00"', r"\ud83d\ude00"),
        (r"a: '\ud83d\ude00'", r"\ud83d\ude00"),
        (r"a: \ud83d\ude00", r"\ud83d\ude00"),
        ("a: |-\n  \\ud83d\\ude00", r"\ud83d\ude00"),
        ('a: "x" # \\ud83d\\ude00', "x"),
    ],
)
def test_surrogate_pairs_are_read_as_in_json(module: Module, text: str, expected: str) -> None:
    assert module.data(text, "yaml") == {"a": expected}


@pytest.mark.parametrize("text", [r'"\ud83d"', r'"\ude00\ud83d"', r'"\ud83dx"', r'"\ud83d\n"'])
def test_half_a_surrogate_pair_is_refused(module: Module, text: str) -> None:
    refusal(module, text, "yaml", "invalid-yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&a a: b\nc: *a\n", {"a": "b", "c": "a"}),
        ("&a 5: b\nc: *a\n", {"5": "b", "c": 5}),
        ("x: {&a a: 1}\n*a : 2\n", {"x": {"a": 1}, "a": 2}),
        ("&a a: &b b\n*b : *a\n", {"a": "b", "b": "a"}),
        ("&a true: 1\nb: *a\n", {"true": 1, "b": True}),
        ("&a '5': 1\nb: *a\n", {"5": 1, "b": "5"}),
    ],
)
def test_keys_may_have_anchors(module: Module, text: str, expected: Any) -> None:
    assert module.data(text, "yaml") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: |\n  x\n", "x\n"),
        ("a: |\n  x", "x"),
        ("a: |+\n  x", "x"),
        ("a: |-\n  x", "x"),
        ("a: >\n  x\n  y", "x y"),
        ("a: |2\n   x", " x"),
        ("a: |\n  x\n  ", "x\n"),
        ("a: |\n  x\n ", "x\n"),
        ("a: |+\n  x\n  ", "x\n"),
        ("a: |+\n  x\n\n", "x\n\n"),
        ("a: |\n  x\n...", "x\n"),
        ("a: |\n  é\n  # no comment", "é\n# no comment"),
        ("a: |\n  x\n# comment", "x\n"),
        ("a: |", ""),
        ("a: |+\n\n", "\n"),
    ],
)
def test_block_scalar_ends_as_the_text_ends(module: Module, text: str, expected: str) -> None:
    assert module.data(text, "yaml") == yaml.safe_load(text) == {"a": expected}


@pytest.mark.parametrize(
    "number",
    ["1e-4", "1E400", "-2e+7", "1.5E3", "1.50e-07", "0e0", "12e10", "-0", "1.10", "123456789012345678901"],
)
def test_yaml_1_1_readers_read_the_same_number(module: Module, number: str) -> None:
    written = module(f'{{"a": {number}}}', "json", "yaml")
    value = yaml.safe_load(written)["a"]
    assert isinstance(value, int | float)
    assert value == json.loads(number)
    assert json.loads(module(written, "yaml", "json"))["a"] == value


def test_yaml_1_1_readers_take_no_time_for_a_number(module: Module) -> None:
    written = module("a = 12:32:00\nb = 12:32:00.5\n", "toml", "yaml")
    assert yaml.safe_load(written) == {"a": "12:32:00", "b": "12:32:00.5"}


def test_number_of_more_than_128_bits_does_not_become_text(module: Module) -> None:
    assert "128 bits" in refusal(module, f"a: 0x{'f' * 33}", "yaml", "invalid-yaml")
    assert module.data(f"a: '0x{'f' * 33}'", "yaml") == {"a": f"0x{'f' * 33}"}


# --- JSON lines and comments --------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_json_lines_become_a_list(module: Module, end: str) -> None:
    text = '{"a": 1}\n {"a": 2, "b": "x"} \n{"a": 3}'.replace("\n", end)
    for form in (text, text + end):
        assert module.data(form, "auto") == [{"a": 1}, {"a": 2, "b": "x"}, {"a": 3}]
        assert module(form, "auto", "csv") == "a,b\n1,\n2,x\n3,\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1}\n{"a": 2,}\n', "Line 2, column 9: "),
        ('{"a": 1}\n{"b"', "Line 2, column 4: "),
        ('{"a": 1}\n{"a": 1, "a": 2}\n', "Line 2, column 10: "),
        ('{"a": 1}\n{} {}\n', "Line 2, column 4: trailing characters"),
        ("{} {}\n", "Line 1, column 4: trailing characters"),
        ("[\n1\n]\n[2]\n", "Line 4, column 1: trailing characters"),
        ("[1]\n[\n2]\n", "Line 2, column 1: "),
    ],
)
def test_mistake_in_json_lines_has_its_place(module: Module, text: str, place: str) -> None:
    assert refusal(module, text, "json", "invalid-json", "yaml").startswith(place)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('// x\n{"a": 1}', "Line 1, column 1"),
        ('/* x\n */ {"a": 1}', "Line 1, column 1"),
        ('{ // x\n"a": 1}', "Line 1, column 3"),
        ('{"a": 1, // x\n"b": 2}', "Line 1, column 10"),
        ('{"a": /* x */ 1}', "Line 1, column 7"),
        ("[1 // x\n]", "Line 1, column 4"),
        ('{"a": 1}\n// x\n', "Line 2, column 1"),
        ('{"a": 1, # x\n"b": 2}', "Line 1, column 10"),
    ],
)
def test_comments_in_json_are_named(module: Module, text: str, place: str) -> None:
    assert module.detect(text)["format"] == "json"
    assert refusal(module, text, "auto", "invalid-json") == f"{place}: JSON has no comments; remove this one"
