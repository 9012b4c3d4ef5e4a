"""The call endpoint behind Django's middleware, and its OpenAPI description."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from core.shapes import problems
from plugins.executions import call_endpoint

CALL_RESPONSES: dict[Any, Any] = {
    (200, "application/json"): OpenApiResponse(OpenApiTypes.ANY, "The function's output."),
    (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The function's output."),
    **problems(400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504),
}


class CallView(APIView):
    """Calls a function: the body is its input as it is, the answer its output as it is.

    plugins.executions.call_endpoint does it, and under an ASGI server is asked before any of this.
    """

    permission_classes = (AllowAny,)  # the function's own `access` decides, in executions.run

    def perform_authentication(self, request: Request) -> None:
        """plugins.executions.call_endpoint does that itself."""

    @extend_schema(
        operation_id="call_function",
        request={"application/json": OpenApiTypes.ANY, "application/octet-stream": OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("Prefer", str, OpenApiParameter.HEADER, enum=["respond-async"])],
        responses=CALL_RESPONSES | {202: OpenApiResponse(description="It runs; `Location` is its record.")},
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str, function: str) -> HttpResponse:
        """Runs the function. `Execution-Id` names the record; `Server-Timing` says where the time went."""
        return call_endpoint.respond(request._request, slug, function)
