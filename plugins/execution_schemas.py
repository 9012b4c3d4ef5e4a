"""The shapes of executions, on the server and in browsers, on the wire."""

from base64 import b64encode
from typing import Any

from rest_framework import serializers

from accounts.schemas import (
    ProblemSerializer,
    StrictIntegerField,
    StrictSerializer,
    TextField,
    UserRefSerializer,
)
from plugins.browser_runs import ENDS
from plugins.models import Execution, HostCall
from plugins.operations import Operation

HOST_CALLS_TOLD = 500  # a call may make many thousands; who looks wants to see how it began
MAX_REPORTED = (1 << 31) - 1  # of what a browser reports; it is what the database's integers hold


class StartRunSerializer(StrictSerializer):
    function = TextField(max_length=64)


class BoundsSerializer(serializers.Serializer[Any]):
    timeout_ms = serializers.IntegerField()
    memory_mb = serializers.IntegerField()
    max_input_bytes = serializers.IntegerField()
    max_output_bytes = serializers.IntegerField()
    max_host_calls = serializers.IntegerField()
    max_bridge_bytes = serializers.IntegerField()


class HostFunctionSerializer(serializers.Serializer[Operation]):
    """How a host function that the module imports is asked for over HTTP."""

    name = serializers.CharField()
    method = serializers.CharField()
    path = serializers.CharField(help_text="Below /host/v1/, with a {name} for each of the path's fields.")
    fields_in = serializers.ChoiceField(["query", "body", "path"], help_text="Where all other fields go.")


class BrowserRunSerializer(serializers.Serializer[Any]):
    execution_id = serializers.UUIDField()
    wasm_url = serializers.CharField()
    sha256 = serializers.CharField()
    config = serializers.DictField(child=serializers.CharField())
    bounds = BoundsSerializer(help_text="What the run may use at most, as on the server.")
    host_functions = HostFunctionSerializer(many=True)
    host_url = serializers.CharField()
    token = serializers.CharField(help_text="For the host API, for this run; shown this once.")
    expires_at = serializers.DateTimeField()


class FinishRunSerializer(StrictSerializer):
    """How a run in a browser ended, by its word. The message is the guest's error text or the trap's."""

    end = serializers.ChoiceField(ENDS)
    message = TextField(
        max_length=8000,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Empty for others.",
    )
    input_bytes = StrictIntegerField(min_value=0, max_value=MAX_REPORTED, required=False)
    output_bytes = StrictIntegerField(min_value=0, max_value=MAX_REPORTED, required=False)
    start_ms = serializers.FloatField(min_value=0, max_value=MAX_REPORTED, required=False)
    run_ms = serializers.FloatField(min_value=0, max_value=MAX_REPORTED, required=False)
    host_ms = serializers.FloatField(min_value=0, max_value=MAX_REPORTED, required=False)


class FinishedRunSerializer(serializers.Serializer[Any]):
    problem = ProblemSerializer(allow_null=True, help_text="What a run on the server would have answered.")


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
    host_calls = HostCallSerializer(many=True, help_text=f"The first {HOST_CALLS_TOLD} of them.")
    input = KeptSerializer(allow_null=True, help_text="Null if it is too large to keep, or sensitive.")
    output = KeptSerializer(allow_null=True, help_text="Null if it is too large to keep, or sensitive.")
    logs = LogLineSerializer(many=True)

    def to_representation(self, instance: Execution) -> dict[str, Any]:
        return super().to_representation(instance) | {
            "host_call_count": instance.host_calls.count(),
            "host_calls": HostCallSerializer(instance.host_calls.all()[:HOST_CALLS_TOLD], many=True).data,
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
