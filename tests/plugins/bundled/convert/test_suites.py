"""Public test suites of the formats, from npm packages, run on the committed convert.wasm.

Each deviation is listed here by its name in the suite, and justified in the plugin's README. No package
holds toml-test, so the TOML cases are our own, compared with Python's parser.
"""

import functools
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.bundled.convert.module import Module, Refused

FRONTEND = Path(__file__).parents[4] / "frontend"


@functools.cache
def load(package: str, export: str = "default") -> Any:
    """What a package of frontend/node_modules exports."""
    script = f"import * as suite from '{package}'; console.log(JSON.stringify(suite['{export}']))"
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, check=True)
    return json.loads(done.stdout)


# --- JSON: JSONTestSuite ------------------------------------------------------------------------------

# The suite accepts duplicate keys.
JSON_DUPLICATES = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def test_json_test_suite(module: Module) -> None:
    cases = load("json-test-suite", "parsing")
    assert len(cases) > 300
    wrong = []
    for case in cases:
        name, text = case["name"], case["input"]
        try:
            data = module.data(text, "json")
        except Refused:
            if name.startswith("y_") and name not in JSON_DUPLICATES:
                wrong.append(name)
        else:
            if (
                name.startswith("n_")
                or name in JSON_DUPLICATES
                or not same(data, json.loads(text.removeprefix("\ufeff")))
            ):
                wrong.append(name)
    assert wrong == []


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


# --- YAML: yaml-test-suite ----------------------------------------------------------------------------

# Application-specific tags, and the tags !!set and !!omap of YAML 1.1.
YAML_TAGS = {"2XXW", "5TYM", "6CK3", "6WLZ", "7FWL", "9WXW", "C4HZ", "CC74", "CUP7", "J7PZ", "M5C3", "P76L"}
YAML_TAGS |= {"UGM3", "Z67P", "Z9M4"}


def test_yaml_test_suite(module: Module) -> None:
    cases = [
        (test["id"], case)
        for test in load("yaml-test-suite")
        for case in test["cases"]
        if "yaml" in case and (case.get("fail") or case.get("json") is not None)
    ]
    assert len(cases) > 300
    wrong = []
    for name, case in cases:
        try:
            data = module.data(case["yaml"], "yaml")
        except Refused:
            if not case.get("fail") and name not in YAML_TAGS:
                wrong.append(name)
        else:
            if case.get("fail") or name in YAML_TAGS or not same(data, as_read(documents(case["json"]))):
                wrong.append(name)
    assert wrong == []


def documents(text: str) -> list[Any]:
    """The JSON values that follow each other in the text."""
    decoder = json.JSONDecoder()
    values = []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values


def as_read(values: list[Any]) -> Any:
    if not values:
        return None
    return values[0] if len(values) == 1 else values


# --- Markdown: CommonMark -----------------------------------------------------------------------------

# HTML in the text is shown as text.
HTML_SECTIONS = {"HTML blocks", "Raw HTML"}
HTML_EXAMPLES = {21, 31, 201, 308, 309, 344, 475, 476, 477, 491, 494, 524, 536, 642, 643}
# Links with schemes other than http, https and mailto lead nowhere.
LINK_EXAMPLES = {500, 596, 598, 599, 601}


def test_commonmark_specification(module: Module) -> None:
    examples = load("commonmark.json", "commonmark")
    assert len(examples) > 600
    wrong = []
    for number, example in enumerate(examples, 1):
        if example["section"] in HTML_SECTIONS or number in HTML_EXAMPLES | LINK_EXAMPLES:
            continue
        page = module(example["markdown"], "markdown", "html")
        body = page.partition("<body>\n")[2].removesuffix("</body>\n</html>\n")
        body = re.sub(r'<(h[1-6]) id="[^"]*">', r"<\1>", body)
        # In text, a quote may be written either way.
        if body.replace("&quot;", '"') != example["html"].replace("&quot;", '"'):
            wrong.append(number)
    assert wrong == []


def test_commonmark_html_is_shown_as_text(module: Module) -> None:
    for number, example in enumerate(load("commonmark.json", "commonmark"), 1):
        if number in HTML_EXAMPLES or example["section"] in HTML_SECTIONS:
            body = module(example["markdown"], "markdown", "html").partition("<body>")[2].lower()
            tags = set(re.findall(r"<([a-z!?][^\s/>]*)", body))
            assert tags <= {
                "p",
                "a",
                "em",
                "strong",
                "code",
                "pre",
                "ul",
                "li",
                "hr",
                "blockquote",
                "h2",
                "br",
            }


# --- CSV: csv-spectrum --------------------------------------------------------------------------------


def test_csv_spectrum(module: Module) -> None:
    folder = FRONTEND / "node_modules" / "csv-spectrum"
    files = sorted((folder / "csvs").glob("*.csv"))
    assert len(files) >= 12
    for file in files:
        expected = json.loads((folder / "json" / f"{file.stem}.json").read_text("utf-8"))
        if file.stem == "location_coordinates":
            # The package has another telephone number in its CSV.
            expected["Contact Phone Number"] = "2095257564"
            expected = [expected]
        assert module.file(file.read_bytes(), "csv") == expected, file.stem


# --- TOML: cases from the specification ---------------------------------------------------------------

TOML = [
    "",
    "# comment\nkey = 'value' # comment\n",
    'bare_key-1 = 1\n1234 = 2\n"quoted key" = 3\n\'ʎǝʞ\' = 4\n"" = 5\n',
    "a.b.c = 1\na.'d.e' = 2\n3.14 = 'pi'\n",
    'a = "\\b\\t\\n\\f\\r\\"\\\\\\u00e9\\U0001F600"\n',
    'a = """\nfirst\n  second \\\n   third "" \\"""""\n',
    "a = '''\nno \\escape\n'' '''\n",
    "a = +99\nb = -17\nc = 1_000\nd = 0xDEAD_beef\ne = 0o755\nf = 0b1101\n",
    "a = 9223372036854775807\nb = -9223372036854775808\n",
    "a = +1.0\nb = -0.01\nc = 5e+22\nd = 1e06\ne = 6.626e-34\nf = 224_617.445_991\n",
    "a = true\nb = false\n",
    "a = [1, [2, 'x'], {b = 3},]\nb = [\n  1,\n  # comment\n  2,\n]\n",
    "[a]\nb = 1\n[a.c]\nd = 2\n[e.f.g]\n[ h . 'i' ]\nj = 3\n",
    "[[a]]\nb = 1\n[[a]]\n[a.c]\nd = 2\n[[a.e]]\nf = 3\n[[a.e]]\n",
    "a = {b.c = 1, d = {}}\n",
    "[fruit]\napple.color = 1\n[fruit.orange]\n",
    "a = 1\r\nb = 2\r\n",
]
NOT_TOML = [
    "a",
    "a =",
    "= 1",
    "a = 1 b = 2",
    "a = 1\na = 2",
    "a = 1\na.b = 2",
    "a.b = 1\na = 2",
    "[a]\n[a]",
    "a = {}\n[a.b]",
    "a = {b = 1}\na.c = 2",
    "a = []\n[[a]]",
    "[[a]]\n[a]",
    "[a]\nb = 1\n[a.b]",
    "[a.b]\n[a]\nb.c = 1",
    "a = 01",
    "a = 1__0",
    "a = _1",
    "a = 1.",
    "a = .1",
    "a = 1.e1",
    "a = 0xg",
    "a = +0x1",
    "a = 9223372036854775808",
    "a = True",
    'a = "\\q"',
    'a = "\\ud800"',
    "a = 'x\ny'",
    'a = "x\ny"',
    'a = """x',
    "a = 'x'y",
    "a = [1 2]",
    "a = {b = 1",
    "a = 1979-13-01",
    "a = 1979-02-30",
    "a = 25:00:00",
    "a b = 1",
    "[a",
    "[]",
    "[a]]",
    "a = \x00",
    "# \x01",
    "a = 1\rb = 2",
]


@pytest.mark.parametrize("text", TOML)
def test_toml_is_read_like_python_reads_it(module: Module, text: str) -> None:
    assert same(module.data(text, "toml"), tomllib.loads(text))


@pytest.mark.parametrize("text", NOT_TOML)
def test_invalid_toml_is_refused(module: Module, text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        # Python reads integers of any size.
        tomllib.loads(text.replace("9223372036854775808", "x"))
    with pytest.raises(Refused) as refused:
        module(text, "toml", "json")
    assert refused.value.code == "invalid-toml"
    assert refused.value.detail.startswith("Line ")
