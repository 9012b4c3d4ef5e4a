"""The shapes of executions, on the server and in browsers, on the wire."""

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
from plugins.api.calls import CALL_RESPONSES
from plugins.executions import browser_runs, runner
from plugins.executions.call_endpoint import client_of
from plugins.executions.call_response import outcome_response
from plugins.history import journal
from plugins.models import Execution, HostCall

MAX_HOST_CALLS_SHOWN = 500  # a call may make many thousands; who looks wants to see how it began


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
    """An execution, in the words that the events use as well."""

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
    """Bytes in JSON: as text if they are UTF-8, otherwise in base64."""

    encoding = serializers.ChoiceField(["text", "base64"])
    content = serializers.CharField()


class LogLineSerializer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(["trace", "debug", "info", "warn", "error"])
    text = serializers.CharField()


class ExecutionDetailSerializer(ExecutionSerializer):
    host_call_count = serializers.IntegerField(help_text="How many there were.")
    host_calls = HostCallSerializer(many=True, help_text=f"The first {MAX_HOST_CALLS_SHOWN} of them.")
    input = KeptSerializer(allow_null=True, help_text="Null if it is too large to keep, or sensitive.")
    output = KeptSerializer(allow_null=True, help_text="Null if it is too large to keep, or sensitive.")
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
        except ValidationError as error:  # a cursor that names no moment; REST framework does not look
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
    """Executions, latest first: your own; every one for staff."""

    serializer_class = ExecutionSerializer
    pagination_class = ExecutionPages
    filters: ClassVar = {"plugin": "plugin__slug", "function": "function", "state": "state"}

    def get_queryset(self) -> QuerySet[Execution]:
        form = ExecutionFilterSerializer(
            data={name: value for name, value in self.request.query_params.items() if name in self.filters}
        )
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        journal.flush()
        found = Execution.objects.visible_to(self.request.user).select_related("plugin", "user")
        return found.filter(**{self.filters[name]: asked[name] for name in asked})


class ExecutionView(APIView):
    @extend_schema(
        operation_id="get_execution",
        responses={200: ExecutionDetailSerializer, **problems(401, 404)},
        tags=["executions"],
    )
    def get(self, request: Request, execution_id: uuid.UUID) -> Response:
        """One execution with its host calls. Somebody else's is not found."""
        return Response(ExecutionDetailSerializer(visible_execution(request, execution_id)).data)


class CancelView(APIView):
    @extend_schema(
        operation_id="cancel_execution",
        request=None,
        responses={204: None, **problems(401, 404, 409)},
        tags=["executions"],
    )
    def post(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Ends a run, waiting or running; whoever waits for it is told `plugin-cancelled`."""
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
        """Runs the function again with the same input, as you and now; answers as a call does."""
        client = client_of(request._request, signed_in(request))
        return outcome_response(runner.replay(visible_execution(request, execution_id), client))


def visible_execution(request: Request, execution_id: uuid.UUID) -> Execution:
    """As it is now, everything that happened here included. Raises NotFound for somebody else's."""
    journal.flush()
    mine = Execution.objects.visible_to(request.user).select_related("plugin", "user")
    execution = mine.filter(pk=execution_id).first()
    if execution is None:
        raise NotFound("There is no such execution, or it is not yours.")
    return execution
