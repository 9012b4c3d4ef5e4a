"""The two OpenAPI documents: the public REST API, and the host API that plugins use."""

import threading
from typing import Any

from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request
from rest_framework.response import Response

Endpoints = list[tuple[str, str, str, Any]]


def public_only(endpoints: Endpoints, **_: Any) -> Endpoints:
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]


def host_only(endpoints: Endpoints, **_: Any) -> Endpoints:
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/host/v1/")]


# spectacular applies custom_settings to the whole process while it generates a document.
_one_at_a_time = threading.Lock()


class SchemaView(SpectacularJSONAPIView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The document, for anybody."""
        with _one_at_a_time:
            response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return response


class PublicSchemaView(SchemaView):
    custom_settings = {"PREPROCESSING_HOOKS": ["plugins.openapi.public_only"]}


class HostSchemaView(SchemaView):
    custom_settings = {
        "TITLE": "Hostbridge host API",
        "DESCRIPTION": "What a plugin can ask of its host. Each operation is also a permission of that name.",
        "SCHEMA_PATH_PREFIX": r"/host/v1",
        "PREPROCESSING_HOOKS": ["plugins.openapi.host_only"],
    }
