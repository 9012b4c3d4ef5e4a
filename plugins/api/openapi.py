"""The two OpenAPI documents: the public REST API, and the host API that plugins use."""

import threading
from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request

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

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The OpenAPI document. No log-in required."""
        with _one_at_a_time:
            return HttpResponse(self.document(), OpenApiJsonRenderer.media_type)

    @classmethod
    @cache
    def document(cls) -> bytes:
        """Generated once, without the request: it takes half a second, and anyone may ask for it."""
        with patched_settings(cls.custom_settings):
            found = cls.generator_class().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        rendered: bytes = OpenApiJsonRenderer().render(found)
        return rendered


class PublicSchemaView(SchemaView):
    custom_settings = {"PREPROCESSING_HOOKS": ["plugins.api.openapi.public_only"]}


class HostSchemaView(SchemaView):
    custom_settings = {
        "TITLE": "Hostbridge host API",
        "DESCRIPTION": "What a plugin can ask of its host. Each operation is a permission of the same name.",
        "SCHEMA_PATH_PREFIX": r"/host/v1",
        "PREPROCESSING_HOOKS": ["plugins.api.openapi.host_only"],
    }
