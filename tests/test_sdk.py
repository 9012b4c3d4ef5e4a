"""Checks that the Rust SDK documents each operation in the host's words."""

import re

import pytest

from core.operations import OPERATIONS, Operation
from tests.server import ROOT

SOURCES = sorted((ROOT / "wasm-plugins" / "sdk" / "rust" / "src" / "operations").glob("*.rs"))
FUNCTION = re.compile(r"((?:^///.*\n)+)(?:^#\[.*\n)*^pub fn (\w+)", re.MULTILINE)


def documented() -> dict[str, list[str]]:
    """The doc comment's paragraphs, unwrapped, by public function."""
    found = {}
    for source in SOURCES:
        for comment, name in FUNCTION.findall(source.read_text()):
            lines = [line.removeprefix("///").strip() for line in comment.splitlines()]
            found[name] = " ".join(line or "\n" for line in lines).split(" \n ")
    return found


def test_the_sdk_has_exactly_the_hosts_operations() -> None:
    assert set(documented()) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_doc_comments_match_the_hosts_descriptions(operation: Operation) -> None:
    title, meaning, *rest = documented()[operation.name]
    assert title == f"{operation.title}."
    assert meaning == operation.meaning
    route = re.sub(r"<\w+:(\w+)>", r"{\1}", operation.route)
    assert f"`{operation.method} /host/v1/{route}" in " ".join(rest)
