"""Calls the committed convert.wasm directly. Thousands of cases take seconds, without server or database."""

import json
from pathlib import Path
from typing import Any

import extism

WASM = Path(__file__).parents[4] / "wasm-plugins" / "convert" / "convert.wasm"


class Refused(Exception):
    """The module answered with a problem."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["detail"])
        self.code = problem["code"]
        self.detail = problem["detail"]


class Module:
    def __init__(self) -> None:
        self.plugin = extism.Plugin({"wasm": [{"path": str(WASM)}], "memory": {"max_pages": 4096}}, wasi=True)

    def call(self, function: str, body: bytes) -> bytes:
        try:
            return bytes(self.plugin.call(function, body))
        except extism.Error as error:
            raise Refused(json.loads(str(error))["problem"]) from None

    def __call__(self, text: str, source: str, to: str, **options: Any) -> str:
        body = json.dumps({"text": text, "from": source, "to": to} | options)
        return str(json.loads(self.call("convert", body.encode()))["text"])

    def data(self, text: str, source: str, **options: Any) -> Any:
        return json.loads(self(text, source, "json", **options))

    def file(self, file: bytes, source: str) -> Any:
        options = {"from": source, "to": "json"}
        return json.loads(self.call("convert_file", json.dumps(options).encode() + b"\n" + file))

    def detect(self, text: str) -> Any:
        return json.loads(self.call("detect", json.dumps({"text": text}).encode()))
