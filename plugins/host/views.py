"""The host API over HTTP: one view per route, made from the table in plugins.operations."""

import logging
import time
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.problems import InternalError, InvalidInput, as_problem
from accounts.schemas import problems
from plugins.host.authentication import HostAuthentication
from plugins.host.caller import Caller, OperationNotGranted
from plugins.operations import OPERATIONS, Operation, subject

CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}

logger = logging.getLogger("hostbridge.host")


class HostView(APIView):
    """The operations of one route, by method. First the grant, then the shape; audited whatever comes."""

    authentication_classes: Any = (HostAuthentication,)
    permission_classes = ()
    operations: ClassVar[dict[str, Operation]]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method == "OPTIONS":
            # A browser's preflight, which carries no token: https://fetch.spec.whatwg.org/#cors-preflight-fetch
            return HttpResponse(status=204, headers=CORS_HEADERS)
        started = time.perf_counter()
        self.subject = ""
        response = super().dispatch(request, *args, **kwargs)
        # A run in a browser has an opaque origin. No cookie counts here, so any page may ask, with a token.
        response["Access-Control-Allow-Origin"] = "*"
        caller = getattr(request, "host_caller", None)
        if isinstance(caller, Caller):
            found = self.operations.get(request.method)
            caller.record(found.name if found else "", self.subject, response.status_code, started)
        return response

    def handle_exception(self, exc: Exception) -> Response:
        if as_problem(exc) is None:
            # The guest gets a problem and never a trap; the traceback is the log's.
            logger.error("A host operation failed", exc_info=exc)
            exc = InternalError()
        response: Response = super().handle_exception(exc)
        return response

    def answer(self, request: Request, **path: Any) -> Response:
        operation = self.operations.get(request.method or "")
        if operation is None:
            raise MethodNotAllowed(str(request.method))
        caller: Caller = request.auth  # type: ignore[assignment]
        caller.require(operation.name)
        data = checked(operation, request) | path
        self.subject = subject(data, None)
        check_own(operation, caller, data)
        result = operation.perform(caller, data)
        self.subject = self.subject or subject(data, result)
        return Response(result, status=operation.status)


def check_own(operation: Operation, caller: Caller, data: dict[str, Any]) -> None:
    """Raises OperationNotGranted if a run in a browser asks for what is not its user's own."""
    user = caller.own_data_of
    if user is not None and (operation.own is None or not operation.own(user, data)):
        raise OperationNotGranted(
            f"In a browser, {operation.name} is for the user's own data only.", operation=operation.name
        )


def checked(operation: Operation, request: Request) -> dict[str, Any]:
    """The request's body and query in the operation's shapes. Raises InvalidInput."""
    data: dict[str, Any] = {}
    if operation.request is not None:
        form = operation.request(data=request.data)
        form.is_valid(raise_exception=True)
        data |= form.validated_data
    elif request._request.body:
        raise InvalidInput(f"{operation.name} takes no body.")
    query = request.query_params
    if operation.query is not None:
        form = operation.query(data={name: query[name] for name in query})
        form.is_valid(raise_exception=True)
        data |= form.validated_data
    elif query:
        raise InvalidInput(f"{operation.name} takes no query.")
    return data


def view_of(operations: dict[str, Operation]) -> type[HostView]:
    """A view class with a documented handler for each of the route's methods."""
    members: dict[str, Any] = {"operations": operations}
    for method, operation in operations.items():

        def handler(self: HostView, request: Request, **path: Any) -> Response:
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


def routes() -> dict[str, dict[str, Operation]]:
    """The operations by route, then method."""
    found: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS.values():
        found.setdefault(operation.route, {})[operation.method] = operation
    return found
