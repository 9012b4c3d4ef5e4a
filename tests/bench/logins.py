"""Compares a log-in through the auth plugin with Django's admin log-in. Both use the same Argon2id."""

import json
from pathlib import Path

import httpx

from tests.bench.load import Request, generator
from tests.bench.measuring import Target, in_turns
from tests.bench.report import heading, medians, ratio, row
from tests.server import PASSWORD, Server

ROUNDS = 5
SECONDS = 1.0
JSON = ("Content-Type", "application/json")


def main(folder: Path) -> None:
    server = Server.start(folder / "login", LOG_LEVEL="ERROR")
    try:
        server.make_owner()
        requests = [plugin_log_in(), django_log_in(server)]
        with generator() as load:
            targets = [Target(server.port, request) for request in requests]
            ours, theirs = in_turns(load, targets, 1, rounds=ROUNDS, seconds=SECONDS)
    finally:
        server.stop()
    print(heading(1, "log-ins", f"{'p50 ours / this':>17}"))
    print(row("log-in through the plugin", medians(ours)))
    print(row("log-in through Django", medians(theirs), f"{ratio(ours, theirs, 'p50'):>17.2f}"))


def plugin_log_in() -> Request:
    body = json.dumps({"email": "owner@example.com", "password": PASSWORD}).encode()
    return Request("log-in through the plugin", "POST", "/api/v1/auth/login", (JSON,), body)


def django_log_in(server: Server) -> Request:
    token = httpx.get(f"{server.url}/admin/login/").cookies["csrftoken"]
    body = str(
        httpx.QueryParams(csrfmiddlewaretoken=token, username="owner@example.com", password=PASSWORD)
    ).encode()
    headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", f"csrftoken={token}"))
    return Request("log-in through Django", "POST", "/admin/login/?next=/healthz", headers, body, status=302)
