import pytest

from tests.plugins.bundled.convert.module import Module


@pytest.fixture(scope="session")
def module() -> Module:
    return Module()
