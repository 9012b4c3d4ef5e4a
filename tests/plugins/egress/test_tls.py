"""Certificates are verified against the host name, whatever address it resolves to."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from core.problems import Problem
from plugins.egress.gate import Response
from plugins.egress.problems import EgressUnreachable
from tests.plugins.egress.guest import NAME, Guest
from tests.plugins.egress.outside import Outside, certificate, outside


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    folder = tmp_path_factory.mktemp("tls")
    return certificate(folder, NAME), folder / "cert.pem"


def fetch_over_tls(name: str, tls: tuple[ssl.SSLContext, Path], trusted: bool) -> Response:
    context, file = tls
    with outside(tls=context) as server:
        guest = Guest(server).grant(f"https://{name}:{server.port}/")
        trust = ssl.create_default_context(cafile=str(file) if trusted else None)
        guest.gate = replace(guest.gate, trust=lambda: trust)
        try:
            return guest.request(f"https://{name}:{server.port}/")
        except Problem:
            assert server.seen == []
            raise


def test_certificate_is_verified_against_the_name_not_the_address(tls: tuple[ssl.SSLContext, Path]) -> None:
    assert fetch_over_tls(NAME, tls, trusted=True).body == b"hello"


@pytest.mark.parametrize(
    ("name", "trusted"), [(NAME, False), ("other.example.com", True), ("127.0.0.1", True)]
)
def test_untrusted_or_mismatched_certificate_is_refused(
    tls: tuple[ssl.SSLContext, Path], name: str, trusted: bool
) -> None:
    with pytest.raises(EgressUnreachable, match="certificate"):
        fetch_over_tls(name, tls, trusted)


def test_server_without_tls_is_unreachable(server: Outside) -> None:
    guest = Guest(server).grant(f"https://{NAME}:{server.port}/")
    with pytest.raises(EgressUnreachable):
        guest.request(f"https://{NAME}:{server.port}/")
