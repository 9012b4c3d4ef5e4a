"""Plugins, calls and executions over REST."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.problems import NotFound, PayloadTooLarge, response_for
from accounts.schemas import problems
from plugins import executions, registry, schemas
from plugins.executions import Client, Outcome
from plugins.models import Execution, Plugin


class PluginPages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class ExecutionPages(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-id")


@extend_schema_view(
    get=extend_schema(
        operation_id="list_plugins",
        parameters=[OpenApiParameter("search", str, description="Part of the slug.")],
        responses={200: schemas.PluginSummarySerializer(many=True), **problems(401, 404)},
        tags=["plugins"],
    )
)
class PluginListView(ListAPIView[Plugin]):
    """The installed plugins."""

    serializer_class = schemas.PluginSummarySerializer
    pagination_class = PluginPages

    def get_queryset(self) -> QuerySet[Plugin]:
        found = Plugin.objects.filter(release__isnull=False).select_related("release")
        search = self.request.query_params.get("search", "").strip()
        return found.filter(slug__icontains=search) if search else found


class PluginView(APIView):
    @extend_schema(
        operation_id="get_plugin",
        responses={200: schemas.PluginDetailSerializer, **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str) -> Response:
        """One plugin: its functions with their schemas, what it may do and why, its limits."""
        return Response(schemas.PluginDetailSerializer(registry.get_plugin(slug)).data)


class CallView(APIView):
    """Calls a function: the body is its input as it is, the answer its output as it is."""

    permission_classes = (AllowAny,)  # the function's own `access` decides, in executions.run

    @extend_schema(
        operation_id="call_function",
        request={"application/json": OpenApiTypes.ANY, "application/octet-stream": OpenApiTypes.BINARY},
        responses={
            (200, "application/json"): OpenApiResponse(OpenApiTypes.ANY, "The function's output."),
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The function's output."),
            **problems(400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504),
        },
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str, function: str) -> HttpResponse:
        """Runs the function. `Execution-Id` names the record; `Server-Timing` says where the time went."""
        limit = settings.PLUGIN_MAX_INPUT_BYTES
        payload = request._request.read(limit + 1)
        if len(payload) > limit:
            raise PayloadTooLarge(f"The input may have at most {limit} bytes.")
        outcome = executions.run(registry.get_plugin(slug), function, payload, client_of(request))
        return call_response(outcome)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_executions",
        parameters=[schemas.ExecutionFilterSerializer],
        responses={200: schemas.ExecutionSerializer(many=True), **problems(400, 401, 404)},
        tags=["executions"],
    )
)
class ExecutionListView(ListAPIView[Execution]):
    """Executions, latest first: your own; every one for staff."""

    serializer_class = schemas.ExecutionSerializer
    pagination_class = ExecutionPages
    filters: ClassVar = {"plugin": "plugin__slug", "function": "function", "state": "state"}

    def get_queryset(self) -> QuerySet[Execution]:
        form = schemas.ExecutionFilterSerializer(
            data={name: value for name, value in self.request.query_params.items() if name in self.filters}
        )
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        found = Execution.objects.visible_to(self.request.user).select_related("plugin", "user")
        return found.filter(**{self.filters[name]: asked[name] for name in asked})


class ExecutionView(APIView):
    @extend_schema(
        operation_id="get_execution",
        responses={200: schemas.ExecutionDetailSerializer, **problems(401, 404)},
        tags=["executions"],
    )
    def get(self, request: Request, execution_id: uuid.UUID) -> Response:
        """One execution with its host calls. Somebody else's is not found."""
        mine = Execution.objects.visible_to(request.user).select_related("plugin", "user")
        execution = mine.filter(pk=execution_id).first()
        if execution is None:
            raise NotFound("There is no such execution, or it is not yours.")
        return Response(schemas.ExecutionDetailSerializer(execution).data)


def client_of(request: Request) -> Client:
    user = request.user if isinstance(request.user, User) else None
    return Client(user, request.META.get("HTTP_USER_AGENT", ""), request.META.get("REMOTE_ADDR") or None)


def call_response(outcome: Outcome) -> HttpResponse:
    """The outcome over HTTP. Output of a plugin is never a page: nothing in it runs or loads."""
    if outcome.problem is not None:
        outcome.problem.members["execution"] = str(outcome.execution.pk)
        response: HttpResponse = response_for(outcome.problem)
    else:
        kind = (
            "application/json" if outcome.function.output_schema is not None else "application/octet-stream"
        )
        response = HttpResponse(outcome.output, content_type=kind)
    response["Execution-Id"] = str(outcome.execution.pk)
    response["Server-Timing"] = server_timing(outcome.execution)
    response["Cache-Control"] = "no-store"
    return response


def server_timing(execution: Execution) -> str:
    """https://www.w3.org/TR/server-timing/, milliseconds."""
    parts = {
        "queue": execution.queue_ms,
        "start": execution.start_ms,
        "run": execution.run_ms,
        "host": execution.host_ms,
    }
    return ", ".join(f"{name};dur={ms or 0:.3f}" for name, ms in parts.items())
