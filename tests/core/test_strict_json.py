"""Strict JSON: invalid bodies become problems, at a real endpoint and for any bytes."""

import json
from typing import Any

import pytest
from django.conf import settings
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.models import User
from core.problems import InvalidInput, MalformedJSON, response_for
from core.strict_json import MAX_DEPTH, parse_json
from tests.conftest import API, PASSWORD, assert_problem

SETUP = "/api/v1/setup"
OWNER = {"code": "AB12-CD34-EF56-GH78", "email": "o@example.com", "name": "Owner", "password": PASSWORD}


def with_name(name: bytes) -> bytes:
    """The body of a set-up request, with raw JSON as the name."""
    return json.dumps(OWNER | {"name": "NAME"}).encode().replace(b'"NAME"', name)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b" ", id="only a space"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"code": "x",}', id="trailing comma"),
        pytest.param(b"{'code': 'x'}", id="single quotes"),
        pytest.param(b"{} {}", id="two values"),
        pytest.param(b"code=x&email=y", id="a form"),
        pytest.param(b'{"code": "x", "code": "y"}', id="a duplicate key"),
        pytest.param(b'{"a": {"b": 1, "\\u0062": 2}}', id="a duplicate key, once escaped"),
        pytest.param(with_name(b"NaN"), id="NaN"),
        pytest.param(with_name(b"-Infinity"), id="Infinity"),
        pytest.param(with_name(b"1e999"), id="a number beyond a float"),
        pytest.param(with_name(b"9" * 5000), id="a number of 5000 digits"),
        pytest.param(with_name(b'"a\x00b"'), id="a raw NUL"),
        pytest.param(with_name(b'"a\nb"'), id="a raw line break in a string"),
        pytest.param(with_name(b'"\xff"'), id="not UTF-8"),
        pytest.param(with_name(b'"\xed\xa0\x80"'), id="a lone surrogate in UTF-8"),
        pytest.param(json.dumps(OWNER).encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(OWNER).encode(), id="a byte order mark"),
        pytest.param(with_name(b"[" * 65 + b"]" * 65), id="too deep"),
        pytest.param(b"[" * 500_000, id="half a million brackets"),
        pytest.param(b'{"a":' * 100_000, id="a hundred thousand objects"),
    ],
)
def test_invalid_json_is_refused(body: bytes, db: None) -> None:
    problem = assert_problem(API().post(SETUP, body), 400, "malformed-json")
    assert problem["detail"].endswith(".")
    assert not User.objects.exists()


def test_the_problem_names_line_and_column(db: None) -> None:
    problem = assert_problem(API().post(SETUP, b'{\n  "code": oops}'), 400, "malformed-json")
    assert "line 2, column 11" in problem["detail"]


@pytest.mark.parametrize(
    "name",
    [
        rb'"a\u0000b"',
        rb'"\ud800"',
        rb'"\udc00\ud800"',
        rb'{"\u0000": 1}',
        rb'{"\udfff": 1}',
        rb'{"x/y": [0, "\ud83d"]}',
    ],
)
def test_text_that_cannot_be_stored_is_refused_with_its_pointer(name: bytes, db: None) -> None:
    problem = assert_problem(API().post(SETUP, with_name(name)), 400, "invalid-input")
    assert "NUL or lone surrogates" in problem["detail"]
    [error] = problem["errors"]
    assert error["pointer"] == ("/name/x~1y/1" if b"x/y" in name else "/name")


def test_surrogate_pairs_and_other_escapes_are_accepted() -> None:
    assert parse_json(rb'["\ud83d\udc22", "\u00e9\n"]') == ["🐢", "é\n"]


def test_a_body_of_two_megabytes_is_refused(db: None) -> None:
    body = with_name(b'"' + b"x" * (2 << 20) + b'"')
    assert_problem(API().post(SETUP, body), 413, "payload-too-large")


def test_a_body_may_be_as_long_as_the_limit_but_no_longer(db: None) -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    whole = json.dumps(OWNER).encode().ljust(limit)
    assert_problem(
        API().post(SETUP, whole), 403, "setup-code-wrong"
    )  # it was read: the problem is the service's
    assert_problem(API().post(SETUP, whole + b" "), 413, "payload-too-large")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
        "json",
    ],
)
def test_another_content_type_is_refused(content_type: str, db: None) -> None:
    # Includes the types that a form on another site can send without a CORS preflight.
    response = API().post(SETUP, OWNER, content_type=content_type)
    problem = assert_problem(response, 415, "unsupported-media-type")
    assert "application/json" in problem["detail"]


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_the_content_type_is_case_insensitive_and_may_have_parameters(content_type: str, db: None) -> None:
    assert_problem(API().post(SETUP, OWNER, content_type=content_type), 403, "setup-code-wrong")


def test_an_unknown_field_is_refused(db: None) -> None:
    problem = assert_problem(
        API().post(SETUP, OWNER | {"is_superuser": True, "a/b~": 1}), 400, "invalid-input"
    )
    assert [error["pointer"] for error in problem["errors"]] == ["/a~1b~0", "/is_superuser"]


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null", "true"])
def test_json_that_is_not_an_object_is_refused(body: str, db: None) -> None:
    assert_problem(API().post(SETUP, body.encode()), 400, "invalid-input")


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "nonsense", ""])
def test_the_response_is_json_whatever_accept_says(accept: str, db: None) -> None:
    response = API().get(SETUP, headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_nesting_is_limited_to_max_depth() -> None:
    within = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(parse_json(within)).encode() == within
    for beyond in (b"[" + within + b"]", b'{"a":' + within + b"}", b'{"a":' * 65 + b"1" + b"}" * 65):
        with pytest.raises(MalformedJSON, match="64 levels"):
            parse_json(beyond)


def test_many_brackets_side_by_side_are_accepted() -> None:
    assert len(parse_json(b"[" + b",".join([b"{}"] * 1000) + b"]")) == 1000


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.binary() | st.text().map(str.encode) | any_json.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 990 + rb'"\ud800"' + b"]" * 990)
@example(b'{"a":' * 990 + rb'"\ud800"' + b"}" * 990)
@example(b"[1e400]")
@example(rb'{"\u0000": 1}')
def test_any_bytes_become_a_value_or_a_problem(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except (InvalidInput, MalformedJSON) as problem:
        response_for(problem)  # it can be serialized
    else:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


storable = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | storable,
        lambda inner: st.lists(inner) | st.dictionaries(storable, inner),
    ),
    st.booleans(),
)
def test_valid_json_is_parsed_unchanged(value: Any, escaped: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=escaped).encode()) == value
