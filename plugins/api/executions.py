"""/api/v1/executions: list, show, cancel and replay executions."""

import uuid
from base64 import b64encode
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import signed_in
from accounts.shapes import UserRefSerializer
from core.problems import NotFound
from core.shapes import (
    ProblemSerializer,
    problems,
)
from plugins.api.call_view import CALL_RESPONSES
from plugins.executions import browser_runs, runner
from plugins.executions.call_endpoint import client_of
from plugins.executions.call_response import outcome_response
from plugins.history.journal import get_journal
from plugins.models import Execution, HostCall

MAX_HOST_CALLS_SHOWN = 500  # a call may make many thousands, and the first ones show how it began


class HostCallSerializer(serializers.ModelSerializer[HostCall]):
    class Meta:
        model = HostCall
        fields = ["operation", "subject", "status", "duration_ms", "at"]


class TimingSerializer(serializers.Serializer[Any]):
    queue_ms = serializers.FloatField()
    start_ms = serializers.FloatField()
    run_ms = serializers.FloatField()
    host_ms = serializers.FloatField()


class ExecutionSerializer(serializers.Serializer[Any]):
    """An execution, with the same fields as in events."""

    id = serializers.UUIDField()
    plugin = serializers.CharField()
    function = serializers.CharField()
    target = serializers.CharField()
    state = serializers.ChoiceField(Execution.State.values)
    user = UserRefSerializer(allow_null=True)
    problem = ProblemSerializer(allow_null=True)
    input_bytes = serializers.IntegerField()
    output_bytes = serializers.IntegerField()
    timing = TimingSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: Execution) -> dict[str, Any]:
        return instance.event_data()


class KeptSerializer(serializers.Serializer[Any]):
    """Bytes in JSON: as text if they are valid UTF-8, otherwise in base64."""

    encoding = serializers.ChoiceField(["text", "base64"])
    content = serializers.CharField()


class LogLineSerializer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(["trace", "debug", "info", "warn", "error"])
    text = serializers.CharField()


class ExecutionDetailSerializer(ExecutionSerializer):
    host_call_count = serializers.IntegerField(help_text="The number of all its host calls.")
    host_calls = HostCallSerializer(many=True, help_text=f"The first {MAX_HOST_CALLS_SHOWN} of them.")
    input = KeptSerializer(allow_null=True, help_text="Null if it was too large to keep, or sensitive.")
    output = KeptSerializer(allow_null=True, help_text="Null if it was too large to keep, or sensitive.")
    logs = LogLineSerializer(many=True)

    def to_representation(self, instance: Execution) -> dict[str, Any]:
        return super().to_representation(instance) | {
            "host_call_count": instance.host_calls.count(),
            "host_calls": HostCallSerializer(
                instance.host_calls.all()[:MAX_HOST_CALLS_SHOWN], many=True
            ).data,
            "input": _kept(instance.input),
            "output": _kept(instance.output),
            "logs": [{"level": level, "text": text} for level, text in instance.logs],
        }


def _kept(data: bytes | memoryview | None) -> dict[str, str] | None:
    if data is None:
        return None
    try:
        return {"encoding": "text", "content": bytes(data).decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "content": b64encode(data).decode()}


class ExecutionFilterSerializer(serializers.Serializer[Any]):
    plugin = serializers.CharField(max_length=64, required=False)
    function = serializers.CharField(max_length=64, required=False)
    state = serializers.ChoiceField(Execution.State.values, required=False)


class ExecutionPages(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-id")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except ValidationError as error:  # REST framework does not check the time in a cursor
            raise NotFound(str(self.invalid_cursor_message)) from error


@extend_schema_view(
    get=extend_schema(
        operation_id="list_executions",
        parameters=[ExecutionFilterSerializer],
        responses={200: ExecutionSerializer(many=True), **problems(400, 401, 404)},
        tags=["executions"],
    )
)
class ExecutionListView(ListAPIView[Execution]):
    """Executions, latest first. You see your own; administrators see all."""

    serializer_class = ExecutionSerializer
    pagination_class = ExecutionPages
    filters: ClassVar = {"plugin": "plugin__slug", "function": "function", "state": "state"}

    def get_queryset(self) -> QuerySet[Execution]:
        form = ExecutionFilterSerializer(
            data={name: value for name, value in self.request.query_params.items() if name in self.filters}
        )
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        get_journal().flush()
        visible = Execution.objects.visible_to(self.request.user).select_related("plugin", "user")
        return visible.filter(**{self.filters[name]: wanted[name] for name in wanted})


class ExecutionView(APIView):
    @extend_schema(
        operation_id="get_execution",
        responses={200: ExecutionDetailSerializer, **problems(401, 404)},
        tags=["executions"],
    )
    def get(self, request: Request, execution_id: uuid.UUID) -> Response:
        """An execution with its host calls. Someone else's is not found, unless you are an administrator."""
        return Response(ExecutionDetailSerializer(visible_execution(request, execution_id)).data)


class CancelView(APIView):
    @extend_schema(
        operation_id="cancel_execution",
        request=None,
        responses={204: None, **problems(401, 403, 404, 409)},
        tags=["executions"],
    )
    def post(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Cancels an execution that is queued or running. Its caller gets the problem `plugin-cancelled`."""
        execution = visible_execution(request, execution_id)
        (browser_runs if execution.target == "browser" else runner).cancel(execution)
        return Response(status=204)


class ReplayView(APIView):
    @extend_schema(
        operation_id="replay_execution",
        request=None,
        responses=CALL_RESPONSES,
        tags=["executions"],
    )
    def post(self, request: Request, execution_id: uuid.UUID) -> HttpResponse:
        """Calls the function again with the same input, as yourself and on the active release.

        Answers like a call.
        """
        client = client_of(request._request, signed_in(request))
        return outcome_response(runner.replay(visible_execution(request, execution_id), client))


def visible_execution(request: Request, execution_id: uuid.UUID) -> Execution:
    """The execution with everything recorded so far. Raises NotFound if this user may not see it."""
    get_journal().flush()
    visible = Execution.objects.visible_to(request.user).select_related("plugin", "user")
    execution = visible.filter(pk=execution_id).first()
    if execution is None:
        raise NotFound("There is no such execution, or it is not yours.")
    return execution
