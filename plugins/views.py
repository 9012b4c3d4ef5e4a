"""Plugins, calls and executions over REST."""

import uuid
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.problems import NotFound, PayloadTooLarge, response_for
from accounts.schemas import ProblemSerializer
from plugins import executions, registry, schemas
from plugins.executions import Client, Outcome
from plugins.models import Execution, Plugin


def problems(*statuses: int) -> dict[int, Any]:
    """For OpenAPI: these statuses carry a problem."""
    return dict.fromkeys(statuses, ProblemSerializer)


class PluginPages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class ExecutionPages(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-id")


class PluginListView(APIView):
    @extend_schema(
        operation_id="list_plugins",
        parameters=[
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int),
            OpenApiParameter("search", str, description="Part of the slug."),
        ],
        responses={200: schemas.PluginSummarySerializer(many=True), **problems(400, 401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request) -> Response:
        """The installed plugins."""
        found: QuerySet[Plugin] = Plugin.objects.filter(release__isnull=False).select_related("release")
        if search := request.query_params.get("search", "").strip():
            found = found.filter(Q(slug__icontains=search))
        pages = PluginPages()
        page = pages.paginate_queryset(found, request, self)
        return pages.get_paginated_response(schemas.PluginSummarySerializer(page, many=True).data)


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


class ExecutionListView(APIView):
    @extend_schema(
        operation_id="list_executions",
        parameters=[
            schemas.ExecutionFilterSerializer,
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: schemas.ExecutionSerializer(many=True), **problems(400, 401, 404)},
        tags=["executions"],
    )
    def get(self, request: Request) -> Response:
        """Executions, latest first: your own; every one for staff."""
        form = schemas.ExecutionFilterSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        names = {"plugin": "plugin__slug", "function": "function", "state": "state"}
        found = visible_executions(request).filter(
            **{names[key]: form.validated_data[key] for key in form.validated_data}
        )
        pages = ExecutionPages()
        page: list[Execution] = pages.paginate_queryset(found, request, self) or []
        return pages.get_paginated_response([executions.execution_data(execution) for execution in page])


class ExecutionView(APIView):
    @extend_schema(
        operation_id="get_execution",
        responses={200: schemas.ExecutionDetailSerializer, **problems(401, 404)},
        tags=["executions"],
    )
    def get(self, request: Request, execution_id: uuid.UUID) -> Response:
        """One execution with its host calls. Somebody else's is not found."""
        execution = visible_executions(request).filter(pk=execution_id).first()
        if execution is None:
            raise NotFound("There is no such execution, or it is not yours.")
        calls = schemas.HostCallSerializer(execution.host_calls.all(), many=True).data
        return Response(executions.execution_data(execution) | {"host_calls": calls})


def visible_executions(request: Request) -> Any:
    return Execution.objects.visible_to(request.user).select_related("plugin", "user")


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
