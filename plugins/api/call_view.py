"""/api/v1/plugins/{slug}/call/{function}: the call endpoint as a Django view, and its OpenAPI description."""

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
    """Calls a function through `plugins.executions.call_endpoint`.

    Under an ASGI server, that endpoint takes the request before it reaches Django.
    """

    permission_classes = (AllowAny,)  # authorization checks the function's own `access`

    def perform_authentication(self, request: Request) -> None:
        """Leaves authentication to the call endpoint."""

    @extend_schema(
        operation_id="call_function",
        request={"application/json": OpenApiTypes.ANY, "application/octet-stream": OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("Prefer", str, OpenApiParameter.HEADER, enum=["respond-async"])],
        responses=CALL_RESPONSES
        | {202: OpenApiResponse(description="The call has started. `Location` is its execution.")},
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str, function: str) -> HttpResponse:
        """Calls the function. The request body is its input and the response body its output, both unchanged.

        `Execution-Id` names the recorded execution, and `Server-Timing` shows where the time went.
        """
        return call_endpoint.respond(request._request, slug, function)
