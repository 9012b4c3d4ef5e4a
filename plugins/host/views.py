"""The host API over HTTP: one view per route, made from the table in plugins.operations."""

import logging
import time
from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.problems import InternalError, InvalidInput, NotAuthenticated, as_problem
from accounts.schemas import problems
from plugins.host.caller import Caller
from plugins.operations import OPERATIONS, Operation, subject

logger = logging.getLogger("hostbridge.host")


class HostAuthentication(BaseAuthentication):
    """Accepts only requests that the bridge made in this process: it puts the Caller on the object itself,
    where nothing that arrives over a socket can reach. Cookies and bearer tokens mean nothing here.
    """

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        caller = getattr(request._request, "host_caller", None)
        if not isinstance(caller, Caller):
            raise NotAuthenticated("The host API answers plugins only.")
        return None, caller


class HostScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes it."""

    target_class = HostAuthentication
    name = "bridge"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Set by the bridge, never by the guest."}


class HostView(APIView):
    """The operations of one route, by method. First the grant, then the shape; audited whatever comes."""

    authentication_classes = (HostAuthentication,)
    permission_classes = ()
    operations: ClassVar[dict[str, Operation]]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        self.subject = ""
        response = super().dispatch(request, *args, **kwargs)
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
        result = operation.perform(caller, data)
        self.subject = self.subject or subject(data, result)
        return Response(result, status=operation.status)


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
                **problems(400, 401, 403, 404, 405, 409, 413, 415, 500),
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
