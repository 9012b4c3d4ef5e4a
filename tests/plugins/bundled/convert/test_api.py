"""The convert plugin's promises, tested on the real .wasm through the REST API."""

import csv
import io
import json
import tomllib
from typing import Any

import pytest
import yaml
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import User
from plugins.models import Plugin
from tests.conftest import API, assert_problem

CALL = "/api/v1/plugins/convert/call/"


class Converter:
    """Calls the plugin's functions as alice."""

    def __init__(self, user: User) -> None:
        self.api = API(user)

    def post(self, text: str, to: str, **options: Any) -> Any:
        return self.api.post(CALL + "convert", {"text": text, "to": to} | options)

    def __call__(self, text: str, to: str, **options: Any) -> str:
        response = self.post(text, to, **options)
        assert response.status_code == 200, response.content
        return str(response.json()["text"])

    def data(self, text: str, **options: Any) -> Any:
        return json.loads(self(text, "json", **options))

    def refusal(self, text: str, to: str, code: str, **options: Any) -> str:
        """The detail of the problem. Its first error must repeat the detail and point at the text."""
        problem = assert_problem(self.post(text, to, **options), 422, code)
        assert problem["errors"][0] == {"pointer": "/text", "detail": problem["detail"]}
        return str(problem["detail"])

    def post_file(self, file: bytes, **options: Any) -> Any:
        body = json.dumps(options).encode() + b"\n" + file
        return self.api.post(CALL + "convert_file", body, content_type="application/octet-stream")

    def file(self, file: bytes, **options: Any) -> bytes:
        response = self.post_file(file, **options)
        assert response.status_code == 200, response.content
        assert response["Content-Type"] == "application/octet-stream"
        return bytes(response.content)

    def detect(self, text: str) -> Any:
        return self.api.post(CALL + "detect", {"text": text}).json()


@pytest.fixture
def convert(bundled: dict[str, Plugin], alice: User) -> Converter:
    return Converter(alice)


SAME = {"name": "Ada", "tags": ["a", "b"], "address": {"city": "London", "zip": "007"}, "age": 36, "ok": True}


@pytest.mark.parametrize("source", ["json", "yaml", "toml"])
@pytest.mark.parametrize("target", ["json", "yaml", "toml"])
def test_data_survives_conversion_between_all_formats(convert: Converter, source: str, target: str) -> None:
    written = convert(json.dumps(SAME), source, **{"from": "json"})
    again = convert(written, target, **{"from": source})
    load = {"json": json.loads, "yaml": yaml.safe_load, "toml": tomllib.loads}[target]
    assert load(again) == SAME
    assert convert.data(again) == SAME  # the format is detected


def test_log_in_is_required(bundled: dict[str, Plugin]) -> None:
    assert_problem(API().post(CALL + "convert", {"text": "{}", "to": "yaml"}), 401, "not-authenticated")


def test_error_points_at_an_unknown_option(convert: Converter) -> None:
    problem = assert_problem(convert.post("{}", "yaml", indnet=True), 400, "invalid-input")
    assert problem["errors"][0]["pointer"] == "/indnet"


@pytest.mark.parametrize(("source", "to"), [("markdown", "json"), ("json", "html")])
def test_markdown_converts_only_to_html_and_data_never(convert: Converter, source: str, to: str) -> None:
    problem = assert_problem(convert.post("{}", to, **{"from": source}), 400, "invalid-input")
    assert problem["errors"][0]["pointer"] == "/to"


@pytest.mark.parametrize("text", ["", " \n", "\ufeff"])
def test_format_of_an_empty_text_cannot_be_detected(convert: Converter, text: str) -> None:
    convert.refusal(text, "json", "empty-text")


@pytest.mark.parametrize(("source", "expected"), [("csv", []), ("yaml", None), ("toml", {})])
def test_empty_text_is_converted_if_its_format_allows_it(
    convert: Converter, source: str, expected: Any
) -> None:
    assert convert.data("", **{"from": source}) == expected


# --- Places of errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("json", '{"a": 1\n "b": 2}', "Line 2, column 2: expected `,` or `}`"),
        ("json", '{"é": 1,\n"é": 2}', 'Line 2, column 1: the key "é" appears twice'),
        ("json", '["é", x]', "Line 1, column 7: expected value"),
        ("json", "[1, 2", "Line 1, column 5: the text ends inside a list"),
        ("json", "[01]", "Line 1, column 3: invalid number"),
        ("json", "", "Line 1, column 1: the text ends inside a value"),
        ("yaml", "é: 1\né: 2\n", 'Line 2, column 1: the key "é" appears twice'),
        ("yaml", "a: 1\r\nb: *x\r\n", "Line 2, column 4: while parsing node, found unknown anchor"),
        ("yaml", "a: &x [*x]\n", "Line 1, column 8: this alias refers to a value that contains it"),
        ("yaml", "[a]: 1\n", "Line 1, column 1: a key must be a single value, not a list or mapping"),
        ("yaml", "a: !!int x\n", "Line 1, column 4: this text does not match its tag, !!int"),
        ("toml", "a = 1\na = 2\n", "Line 2, column 1: duplicate key"),
        (
            "csv",
            'a,b\n1,"2\n3,4\n',
            "Line 2, column 3: this quote is never closed; a quote inside a quoted value is written twice",
        ),
        ("csv", "a,a\n1,2\n", 'Line 1, column 1: two columns are named "a"'),
    ],
)
def test_error_names_line_and_column(convert: Converter, source: str, text: str, expected: str) -> None:
    to = "yaml" if source == "json" else "json"
    detail = convert.refusal(text, to, f"invalid-{source}", **{"from": source})
    assert detail.startswith(expected)


def test_application_specific_tag_is_refused(convert: Converter) -> None:
    detail = convert.refusal("a: !!python/object:os.system x\n", "json", "invalid-yaml")
    assert detail.startswith("Line 1, column 4:")


def test_up_to_ten_rows_of_the_wrong_length_are_reported(convert: Converter) -> None:
    text = "a,b\n1,2\n" + "1,2,3\n\n" * 20
    problem = assert_problem(convert.post(text, "json"), 422, "invalid-csv")
    details = [error["detail"] for error in problem["errors"]]
    assert details[0] == "Line 3, column 1: this row has 3 values, but the first row has 2"
    assert [detail.split(",")[0] for detail in details] == [f"Line {line}" for line in range(3, 23, 2)]


@pytest.mark.parametrize(
    ("text", "to", "expected"),
    [
        ('{"a":\n null}', "toml", "Line 2, column 2: /a is null"),
        ("[1]", "toml", "Line 1, column 1: a TOML document is a table"),
        ('{"a": 9223372036854775808}', "toml", "Line 1, column 7: /a is an integer that does not fit"),
        ('[{"a": 1},\n {"a/b": [1]}]', "csv", "Line 2, column 10: /1/a~1b is a list"),
        ('[{"a": 1}, 2]', "csv", "Line 1, column 12: /1 is not a row"),
        ("[[1, 2], [1]]", "csv", "Line 1, column 10: /1 has 1 values"),
        ("[{}]", "csv", "Line 1, column 2: all objects are empty"),
        ("3", "csv", "Line 1, column 1: the value is not a row"),
        ("a: .inf", "json", "Line 1, column 4: /a is inf"),
    ],
)
def test_value_that_the_target_cannot_express_is_refused(
    convert: Converter, text: str, to: str, expected: str
) -> None:
    source = "yaml" if "inf" in text else "json"
    assert convert.refusal(text, to, "inexpressible", **{"from": source}).startswith(expected)


# --- Numbers, dates, order ----------------------------------------------------------------------------

NUMBERS = ["12345678901234567890123", "0.1000", "1.0e+400", "-0", "1.0E+2", "3.141592653589793238462643"]


@pytest.mark.parametrize("target", ["json", "yaml"])
def test_numbers_keep_every_digit(convert: Converter, target: str) -> None:
    text = f"[{','.join(NUMBERS)}]"
    there = convert(text, target, indent=False)
    back = convert(there, "json", indent=False, **{"from": target})
    assert back.strip().lower() == text.lower()


def test_keys_keep_their_order(convert: Converter) -> None:
    text = '{"z":1,"a":{"y":2,"b":3}}\n'
    for target in ("yaml", "toml"):
        assert convert(convert(text, target), "json", indent=False, **{"from": target}) == text


def test_toml_dates_become_text_elsewhere_and_dates_again_in_toml(convert: Converter) -> None:
    text = "at = 1979-05-27T07:32:00Z\n"
    assert convert.data(text) == {"at": "1979-05-27T07:32:00Z"}
    assert convert(text, "toml") == text
    assert convert(text, "yaml") == "at: 1979-05-27T07:32:00Z\n"


def test_toml_numbers_become_decimal(convert: Converter) -> None:
    text = "a = 0xFF\nb = 0o17\nc = 0b101\nd = 1_000\ne = +1_0.5e1_0\n"
    assert convert(text, "json", indent=False) == '{"a":255,"b":15,"c":5,"d":1000,"e":10.5e10}\n'


# --- CSV ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_csv_delimiter_and_line_end_are_detected(convert: Converter, delimiter: str, line_end: str) -> None:
    rows = [["name", "note"], ["Ada", f"a{delimiter}b"], ["Bob", 'two\nlines, "quoted"']]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    expected = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert convert.data("\ufeff" + out.getvalue()) == expected


def test_cells_are_text_unless_types_are_guessed(convert: Converter) -> None:
    text = "a,b,c,d,e\n1,007,true,,1.50\n"
    assert convert.data(text) == [{"a": "1", "b": "007", "c": "true", "d": "", "e": "1.50"}]
    typed = convert(text, "json", guess_types=True, indent=False)
    assert typed == '[{"a":1,"b":"007","c":true,"d":null,"e":1.50}]\n'


def test_rows_without_a_header_are_lists(convert: Converter) -> None:
    text = "1,2\n3,4\n"
    assert convert.data(text, header=False) == [["1", "2"], ["3", "4"]]
    assert convert(convert(text, "json", header=False), "csv") == text


def test_csv_header_contains_the_keys_of_all_objects(convert: Converter) -> None:
    text = '[{"a": 1, "b": null}, {"c": true, "a": "x,y"}]'
    assert convert(text, "csv") == 'a,b,c\n1,,\n"x,y",,true\n'


def test_delimiter_can_be_chosen(convert: Converter) -> None:
    options = {"from": "csv", "delimiter": "semicolon"}
    assert convert.data("a,b;c\n1,2;3\n", **options) == [{"a,b": "1,2", "c": "3"}]


# --- YAML ---------------------------------------------------------------------------------------------


def test_yaml_of_several_documents_becomes_a_list(convert: Converter) -> None:
    assert convert.data("---\na: 1\n---\n- 2\n---\n", **{"from": "yaml"}) == [{"a": 1}, [2], None]


def test_yaml_aliases_and_merge_keys_are_resolved(convert: Converter) -> None:
    text = "base: &b {x: 1, y: 2}\none: *b\ntwo:\n  <<: *b\n  y: 3\nthree:\n  <<: [*b]\n  z: 0\n"
    data = convert.data(text)
    assert data["one"] == {"x": 1, "y": 2}
    assert data["two"] == {"x": 1, "y": 3}
    assert data["three"] == {"x": 1, "y": 2, "z": 0}


def test_yaml_scalars_have_the_types_of_the_core_schema(convert: Converter) -> None:
    text = "[0x1F, 0o17, +12, .5, 5., 007, ~, True, yes, 2020-01-01, '1', !!str 1, ! 1, 1e3]"
    expected = [31, 15, 12, 0.5, 5.0, 7, None, True, "yes", "2020-01-01", "1", "1", "1", 1000.0]
    assert convert.data(text, **{"from": "yaml"}) == expected


TRICKY = ["", " a", "a ", "a: b", "a:", "a #b", "- a", "[a", "{a", "#a", "---", "...", "=", "<<", "? a"]
TRICKY += ["yes", "NO", "on", "y", "null", "~", "1", "1e3", "0x1F", "2020-01-01", ".inf", "1:30"]
TRICKY += ["*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "'a", '"a', "a\u2028b", "\ufeff", "\x00", "\x85"]


@pytest.mark.parametrize("word", TRICKY)
def test_yaml_quotes_ambiguous_text(convert: Converter, word: str) -> None:
    written = convert(json.dumps({word: word}), "yaml")
    assert yaml.safe_load(written) == {word: word}
    assert convert.data(written, **{"from": "yaml"}) == {word: word}


def test_yaml_writes_multiline_text_as_a_literal_block(convert: Converter) -> None:
    assert convert('{"a": "one\\ntwo\\n"}', "yaml") == "a: |\n  one\n  two\n"


# --- Markdown -----------------------------------------------------------------------------------------


def test_markdown_becomes_an_html_page(convert: Converter) -> None:
    page = convert("# Tea & *cake*\n\n|a|b|\n|-|-|\n|1|~~2~~|\n", "html")
    assert page.startswith('<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n')
    assert "<title>Tea &amp; cake</title>" in page
    assert '<h1 id="tea--cake">Tea &amp; <em>cake</em></h1>' in page
    assert "<td><del>2</del></td>" in page


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "text <img src=x onerror=alert(1)>",
        "<!-- --><svg onload=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java&#10;script:alert(1))",
        "[x](&#1;javascript:alert(1))",
        "[x](data:text/html,x)",
        "[x](vbscript:x)",
        "![x](javascript:alert(1))",
        "[x]\n\n[x]: javascript:alert(1)",
        "<javascript:alert(1)>",
        '[x](https://e.org "\\"><script>alert(1)</script>")',
        "# </title><script>alert(1)</script>",
        "```</code><script>\n<script>alert(1)</script>\n```",
        "[^1]\n\n[^1]: <script>alert(1)</script>",
    ],
)
def test_html_from_markdown_is_safe_to_show(convert: Converter, markdown: str) -> None:
    page = convert(markdown, "html", **{"from": "markdown"})
    assert "content=\"default-src 'none'; img-src http: https:\"" in page
    body = page.partition("<title>")[2].lower()
    for unsafe in ("<script", "<svg", "<img src=x", 'href="java', 'href="data', 'href="vb', 'src="java'):
        assert unsafe not in body
    assert 'href="\x01' not in body


def test_safe_links_are_kept(convert: Converter) -> None:
    page = convert("[a](https://e.org/?q=a:b) [b](docs/a:b.md) [c](#x) <me@e.org>", "html")
    for link in ("https://e.org/?q=a:b", "docs/a:b.md", "#x", "mailto:me@e.org"):
        assert f'href="{link}"' in page


# --- Format detection ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', "json"),
        ("[1, 2", "json"),
        ('{"a": 1,,}', "json"),
        ('[server]\nport = 1\n\n[a."b c"]\nx = [1]', "toml"),
        ("# settings\na = 1", "toml"),
        ("# settings\na: 1\nb:\n  - c", "yaml"),
        ("- a\n- b: 1", "yaml"),
        ("{a: 1}", "yaml"),
        ("---\na: 1", "yaml"),
        ("name: x, y\nother: c, d", "yaml"),
        ("a,b\n1,2", "csv"),
        ("a;b,c\n1;2,0\n3;4", "csv"),
        ("at,what\n12:00,go: now", "csv"),
        ("---\ntitle: x\n---\n# Hello", "markdown"),
        ("# Title\n\n- one\n- two", "markdown"),
        ("[link](https://e.org) and text", "markdown"),
        ("Just a sentence.", "markdown"),
    ],
)
def test_format_is_detected(convert: Converter, text: str, expected: str) -> None:
    detected = convert.detect(text)
    assert detected["format"] == expected
    assert detected["reason"]


def test_detection_reports_confidence_and_delimiter(convert: Converter) -> None:
    detected = convert.detect("a;b;c\n1;2;3\n4;5;6\n")
    assert (detected["confidence"], detected["delimiter"]) == ("high", "semicolon")
    assert convert.detect("hello")["confidence"] == "low"


def test_detection_needs_only_the_start_of_a_file(convert: Converter) -> None:
    assert convert.detect(json.dumps([{"key": "value"}] * 9000)[:65536])["format"] == "json"


# --- Files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_file_may_have_any_unicode_encoding(convert: Converter, encoding: str) -> None:
    assert convert.file("é\tb\n1\t2\n".encode(encoding), to="json", indent=False) == (
        '[{"é":"1","b":"2"}]\n'.encode()
    )


BINARY = [
    b"a,b\n1,\xff",
    b"\x7fELF\x02\x01\x01\x00\xe8",
    b"PK\x03\x04\x9c",
    b"\xff\xfe\x00",
    b"\xfe\xff\xd8\x00",
]


@pytest.mark.parametrize("file", BINARY)
def test_file_that_is_not_text_is_refused(convert: Converter, file: bytes) -> None:
    assert_problem(convert.post_file(file, to="json"), 422, "invalid-encoding")


def test_error_names_the_place_of_an_invalid_byte(convert: Converter) -> None:
    problem = assert_problem(
        convert.post_file("é,b\né".encode() + b"\xff", to="json"), 422, "invalid-encoding"
    )
    assert problem["detail"].startswith("Line 2, column 2: the byte 0xFF")


@pytest.mark.parametrize("body", [b"", b"\n", b"{}\n[]", b'{"to": "xml"}\n[]', b"[]"])
def test_file_without_valid_options_is_refused(convert: Converter, body: bytes) -> None:
    response = convert.api.post(CALL + "convert_file", body)
    assert response.status_code == 400
    assert response.json()["type"] in (
        "urn:hostbridge:problem:invalid-input",
        "urn:hostbridge:problem:malformed-json",
    )


def test_file_and_form_give_the_same_result(convert: Converter) -> None:
    text = "name,age\nÅda,36\n"
    assert convert.file(text.encode(), to="yaml").decode() == convert(text, "yaml")


# --- Limits -------------------------------------------------------------------------------------------

TEN_MB = 10_000_000


def people(size: int) -> bytes:
    """About `size` bytes of CSV, in whole lines."""
    line = "{0},Person {0},p{0}@example.org,2020-01-{1:02d},{2}.25\n"
    head = "id,name,email,joined,score\n"
    lines = [line.format(number, number % 28 + 1, number * 7 % 1000) for number in range(size // 46)]
    return (head + "".join(lines)).encode()


def test_ten_megabytes_of_csv_convert_to_json_and_back(convert: Converter) -> None:
    file = people(TEN_MB)
    assert TEN_MB * 0.95 < len(file) <= settings.PLUGIN_MAX_INPUT_BYTES
    there = convert.file(file, to="json")
    rows = json.loads(there)
    assert len(rows) == file.count(b"\n") - 1
    assert rows[-1]["name"] == f"Person {len(rows) - 1}"
    smaller = json.dumps(rows[: len(rows) // 2]).encode()
    assert convert.file(smaller, to="csv") == b"".join(file.splitlines(True)[: len(rows) // 2 + 1])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("json", "[" * 200_000),
        ("json", '{"a":' * 200_000),
        ("yaml", "[" * 200_000),
        ("yaml", "- " * 20_000),
        ("yaml", "".join(" " * depth + "a:\n" for depth in range(1000))),
        ("yaml", "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500))),
        ("toml", "a = " + "[" * 20_000),
        ("toml", "a." * 20_000 + "a = 1"),
    ],
)
def test_nesting_is_limited(convert: Converter, source: str, text: str) -> None:
    assert "nested" in convert.refusal(text, "json", "limit-exceeded", **{"from": source})


def test_nesting_up_to_the_limit_is_accepted(convert: Converter) -> None:
    text = "[" * 128 + "]" * 128
    assert convert(text, "json", indent=False).strip() == text
    assert convert.data(convert(text, "yaml"), **{"from": "yaml"}) == json.loads(text)


def test_alias_bomb_is_refused(convert: Converter) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert "aliases" in convert.refusal(bomb, "json", "limit-exceeded")


def test_size_of_the_result_is_limited(convert: Converter) -> None:
    wide = [{f"key{number % 16_000}": 1} for number in range(100_000)]
    assert "48 MiB" in convert.refusal(json.dumps(wide), "csv", "limit-exceeded")


def test_number_of_csv_columns_is_limited(convert: Converter) -> None:
    wide = [{f"key{number}": 1} for number in range(17_000)]
    assert "16384 columns" in convert.refusal(json.dumps(wide), "csv", "limit-exceeded")


# --- Arbitrary input ----------------------------------------------------------------------------------

properties = hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
floats = st.floats(allow_nan=False, allow_infinity=False)


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The leaves, and nested lists and objects of them."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=20,
    )


json_values = nested(st.none() | st.booleans() | st.integers() | floats | texts)
toml_values = nested(st.booleans() | st.integers(-(2**63), 2**63 - 1) | floats | texts)
SIGNS = list("[]{}:,-?&*!|>'\"%@`#~=.<\\/_+0aéx \n\t\r\x00\ufeff\u2028")
SIGNS += ["---", "...", "<<", "&a", "*a", "| ", "'''"]
nasty = st.lists(st.sampled_from(SIGNS) | texts, max_size=30).map("".join)


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: 1 differs from true, and the order of keys does not matter."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@properties
@given(value=json_values)
def test_json_survives_conversion_to_yaml(convert: Converter, value: Any) -> None:
    written = convert(json.dumps(value), "yaml", **{"from": "json"})
    assert same(convert.data(written, **{"from": "yaml"}), value), written


@properties
@given(value=st.dictionaries(texts, toml_values, max_size=5))
def test_json_survives_conversion_to_toml(convert: Converter, value: dict[str, Any]) -> None:
    written = convert(json.dumps(value), "toml", **{"from": "json"})
    assert same(tomllib.loads(written), value), written
    assert same(convert.data(written, **{"from": "toml"}), value), written


@properties
@given(value=st.dictionaries(texts, nested(texts), max_size=5))
def test_other_yaml_parsers_read_the_same_data(convert: Converter, value: dict[str, Any]) -> None:
    written = convert(json.dumps(value), "yaml", **{"from": "json"})
    assert yaml.safe_load(written) == value


@properties
@given(data=st.data())
def test_rows_survive_conversion_to_csv(convert: Converter, data: st.DataObject) -> None:
    names = data.draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, texts)), min_size=1, max_size=5))
    written = convert(json.dumps(rows), "csv", **{"from": "json"})
    assert convert.data(written, delimiter="comma", **{"from": "csv"}) == rows
    assert list(csv.DictReader(io.StringIO(written, newline=""))) == rows


@properties
@given(text=nasty, source=st.sampled_from(["auto", "csv", "json", "yaml", "toml", "markdown"]))
def test_arbitrary_text_never_crashes_the_plugin(convert: Converter, text: str, source: str) -> None:
    to = "html" if source == "markdown" else "json"
    response = convert.post(text, to, **{"from": source})
    assert response.status_code in (200, 400, 422), response.content
    if response.status_code == 200 and to == "json":
        json.loads(response.json()["text"])


@properties
@given(file=st.binary(max_size=200), source=st.sampled_from(["auto", "csv", "json", "yaml", "toml"]))
def test_arbitrary_bytes_never_crash_the_plugin(convert: Converter, file: bytes, source: str) -> None:
    response = convert.post_file(file, to="json", **{"from": source})
    assert response.status_code in (200, 400, 422), response.content
