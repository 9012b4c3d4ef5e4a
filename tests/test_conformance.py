"""Tests both APIs against their OpenAPI documents with requests that schemathesis generates.

No response may be a 5xx, or have a status, a content type or a shape that its document does not describe.
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
    """The document's operations by operationId. Calls to them stay in this process."""
    schema = schemathesis.openapi.from_wsgi(path, get_wsgi_application())
    operations = (result.ok() for result in schema.get_all_operations())
    return {operation.definition.raw["operationId"]: operation for operation in operations}


def call_with_generated_input(operation: Any, headers: dict[str, str]) -> None:
    """Calls the operation with input that its description allows, and with input that it does not allow."""
    strategies = operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @quick
    @given(case=st.one_of(strategies))
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    check()


@pytest.mark.parametrize("name", sorted(PUBLIC_OPERATIONS))
def test_public_api_conforms_to_its_document(bundled: dict[str, Plugin], charlie: User, name: str) -> None:
    call_with_generated_input(described("/api/schema/")[name], API(charlie).headers)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_host_api_conforms_to_its_document(bundled: dict[str, Plugin], charlie: User, name: str) -> None:
    _row, token = api_tokens.create_api_token(
        charlie, name="t", scopes=list(OPERATIONS), expires_in_days=1, plugin="template"
    )
    call_with_generated_input(described("/api/schema/host/")[name], {"Authorization": f"Bearer {token}"})
