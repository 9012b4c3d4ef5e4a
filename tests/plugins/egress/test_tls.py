"""Certificates are checked against the name, whatever address it leads to."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from core.problems import Problem
from plugins.egress.gate import EgressUnreachable, Response
from tests.plugins.egress.guest import NAME, Guest
from tests.plugins.egress.outside import Outside, certificate, outside


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    folder = tmp_path_factory.mktemp("tls")
    return certificate(folder, NAME), folder / "cert.pem"


def over_tls(name: str, tls: tuple[ssl.SSLContext, Path], trusted: bool) -> Response:
    context, file = tls
    with outside(tls=context) as server:
        guest = Guest(server).may(f"https://{name}:{server.port}/")
        trust = ssl.create_default_context(cafile=str(file) if trusted else None)
        guest.gate = replace(guest.gate, trust=lambda: trust)
        try:
            return guest.ask(f"https://{name}:{server.port}/")
        except Problem:
            assert server.seen == []
            raise


def test_https_is_checked_against_the_name_and_not_the_address(tls: tuple[ssl.SSLContext, Path]) -> None:
    assert over_tls(NAME, tls, trusted=True).body == b"hello"


@pytest.mark.parametrize(
    ("name", "trusted"), [(NAME, False), ("other.example.com", True), ("127.0.0.1", True)]
)
def test_a_certificate_that_is_not_to_be_trusted_is_refused(
    tls: tuple[ssl.SSLContext, Path], name: str, trusted: bool
) -> None:
    with pytest.raises(EgressUnreachable, match="certificate"):
        over_tls(name, tls, trusted)


def test_a_server_that_speaks_no_tls_is_unreachable(server: Outside) -> None:
    guest = Guest(server).may(f"https://{NAME}:{server.port}/")
    with pytest.raises(EgressUnreachable):
        guest.ask(f"https://{NAME}:{server.port}/")
