"""A guest that sends requests through the egress gate, and a fake DNS for it."""

import time

from plugins.egress.gate import Gate, Request, Response, fetch
from plugins.egress.ip_policy import Destinations, PrivateException
from plugins.egress.url_rules import Rule
from tests.plugins.egress.outside import Outside

MAX_RESPONSE_BYTES = 1 << 16
NAME = "api.example.com"


class Resolver:
    """Fake DNS: each look-up takes the next answer, and the last answer repeats."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.lookups: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.lookups.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Guest:
    """Sends requests through a gate that allows loopback, on the ports of the test's servers."""

    def __init__(self, *servers: Outside) -> None:
        self.resolver = Resolver(["127.0.0.1"])
        self.exceptions = tuple(PrivateException.parse(f"127.0.0.0/8:{server.port}") for server in servers)
        self.rules = [Rule.parse(f"http://{NAME}:{server.port}/", ["GET"]) for server in servers]
        self.gate = Gate(
            Destinations(self.exceptions), MAX_RESPONSE_BYTES, 10, "hostbridge-test", resolve=self.resolver
        )
        self.audit: list[tuple[str, int]] = []

    def grant(self, url: str, *methods: str) -> "Guest":
        self.rules.append(Rule.parse(url, methods or ["GET"]))
        return self

    def request(self, url: str, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        dashed = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(Request(method, url, dashed, body))

    def send(self, request: Request, deadline: float = float("inf")) -> Response:
        def record(subject: str, status: int, started: float) -> None:
            assert started <= time.perf_counter()
            self.audit.append((subject, status))

        return fetch(request, self.rules, self.gate, deadline, record)
