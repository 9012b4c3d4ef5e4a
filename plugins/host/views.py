"""The host API over HTTP: one view for each route."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from core.operations import Operation
from core.shapes import problems
from plugins.history.journal import get_journal
from plugins.host.authentication import HostAuthentication
from plugins.host.caller import Caller
from plugins.host.cors import allow_any_origin, preflight
from plugins.host.dispatch import MAX_BODY_BYTES, OperationRequest, perform
from plugins.host.route_table import Route


class HostView(APIView):
    """The operations of one route, by method."""

    authentication_classes = (HostAuthentication,)
    permission_classes = ()
    operations: ClassVar[dict[str, Operation]]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method == "OPTIONS":
            return preflight()
        response = super().dispatch(request, *args, **kwargs)
        allow_any_origin(response)
        return response

    def answer(self, request: Request, **path: Any) -> HttpResponse:
        """Performs the request, as the bridge does for guests on the server.

        Raises RecordsNotWritten while the audit log cannot be written. Guests on the server are not refused
        then: their limits also count calls that are not written yet.
        """
        get_journal().check()
        raw = request._request
        operation_request = OperationRequest(
            method=str(raw.method),
            path_fields=path,
            query=raw.META.get("QUERY_STRING", ""),
            content_type=raw.META.get("CONTENT_TYPE", ""),
            body=raw.read(MAX_BODY_BYTES + 1),
        )
        caller: Caller = request.auth  # type: ignore[assignment]
        performed = perform(operation_request, caller, self.operations)
        response = HttpResponse(performed.body, status=performed.status, headers=dict(performed.headers))
        if performed.body:
            response["Content-Type"] = performed.content_type
        return response

    # A method that the route lacks is refused and audited like any other call.
    http_method_not_allowed = answer  # type: ignore[assignment]


def view_of(route: Route) -> type[HostView]:
    """A view class with a documented handler for each method of the route."""
    members: dict[str, Any] = {"operations": route.operations}
    for method, operation in route.operations.items():

        def handler(self: HostView, request: Request, **path: Any) -> HttpResponse:
            return self.answer(request, **path)

        members[method.lower()] = extend_schema(
            operation_id=operation.name,
            summary=operation.title,
            description=operation.meaning,
            parameters=[operation.query] if operation.query else [],
            request=operation.request,
            responses={
                operation.status: operation.response,
                **problems(400, 401, 403, 404, 405, 409, 412, 413, 415, 429, 500, 503),
            },
            tags=[operation.route.split("/")[0]],
        )(handler)
    return type("HostView", (HostView,), members)
