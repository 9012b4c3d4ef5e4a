"""An outside server, and a guest that may reach it."""

from collections.abc import Iterator

import pytest

from tests.plugins.egress.guest import NAME, Guest
from tests.plugins.egress.outside import Outside, outside


@pytest.fixture
def server() -> Iterator[Outside]:
    with outside() as server:
        yield server


@pytest.fixture
def guest(server: Outside) -> Guest:
    return Guest(server)


@pytest.fixture
def base(server: Outside) -> str:
    return f"http://{NAME}:{server.port}"
