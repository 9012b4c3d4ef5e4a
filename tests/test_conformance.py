"""Both APIs against their OpenAPI documents, with what schemathesis can think of.

No 5xx, no status and no content type that is not documented, no answer of another shape than promised.
"""

from functools import lru_cache
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts import api_tokens
from accounts.models import User
from core.operations import OPERATIONS
from plugins.models import Plugin
from tests.conftest import API
from tests.test_openapi import PUBLIC_OPERATIONS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
quick = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@lru_cache
def described(path: str) -> dict[str, Any]:
    """The document's operations by operationId, ready to be called in this process."""
    schema = schemathesis.openapi.from_wsgi(path, get_wsgi_application())
    operations = (found.ok() for found in schema.get_all_operations())
    return {operation.definition.raw["operationId"]: operation for operation in operations}


def try_out(operation: Any, headers: dict[str, str]) -> None:
    """Calls the operation with whatever its description allows, and with some that it does not."""
    kinds = operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @quick
    @given(case=st.one_of(kinds))
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    check()


@pytest.mark.parametrize("name", sorted(PUBLIC_OPERATIONS))
def test_the_public_api_keeps_to_its_document(bundled: dict[str, Plugin], charlie: User, name: str) -> None:
    try_out(described("/api/schema/")[name], API(charlie).headers)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_host_api_keeps_to_its_document(bundled: dict[str, Plugin], charlie: User, name: str) -> None:
    _row, token = api_tokens.create_api_token(
        charlie, name="t", scopes=list(OPERATIONS), expires_in_days=1, plugin="template"
    )
    try_out(described("/api/schema/host/")[name], {"Authorization": f"Bearer {token}"})
