"""The shapes of plugins and executions on the wire."""

from typing import Any

from rest_framework import serializers

from accounts.schemas import ProblemSerializer, PublicUserSerializer, StrictSerializer, UserRefSerializer
from plugins.executions import execution_data
from plugins.models import Execution, HostCall, Plugin
from plugins.operations import PERMISSIONS


class FunctionSummarySerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    access = serializers.ChoiceField(["public", "user", "staff"])
    targets = serializers.ListField(child=serializers.ChoiceField(["server", "browser"]))


class FunctionSerializer(FunctionSummarySerializer):
    description = serializers.CharField()
    sensitive = serializers.BooleanField(help_text="Input or output holds secrets; keep neither.")
    input_schema = serializers.JSONField(allow_null=True)
    output_schema = serializers.JSONField(allow_null=True)


class PermissionSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField()
    title = serializers.CharField()
    meaning = serializers.CharField()
    risk = serializers.ChoiceField(["low", "medium", "high", "highest"])
    reason = serializers.CharField()
    optional = serializers.BooleanField()
    granted = serializers.BooleanField()


class LimitsSerializer(serializers.Serializer[Any]):
    timeout_ms = serializers.IntegerField()
    memory_mb = serializers.IntegerField()
    max_output_kb = serializers.IntegerField()


class PluginSummarySerializer(serializers.ModelSerializer[Plugin]):
    title = serializers.CharField(source="release.manifest.title")
    description = serializers.CharField(source="release.manifest.description")
    version = serializers.CharField(source="release.version")
    functions = FunctionSummarySerializer(many=True, source="release.manifest.functions")

    class Meta:
        model = Plugin
        fields = ["slug", "title", "description", "version", "enabled", "functions"]


class PluginDetailSerializer(PluginSummarySerializer):
    license = serializers.CharField(source="release.manifest.license")
    sha256 = serializers.CharField(source="release.sha256")
    size_bytes = serializers.IntegerField(source="release.size_bytes")
    installed_at = serializers.DateTimeField(source="release.created_at")
    functions = FunctionSerializer(many=True, source="release.manifest.functions")
    permissions = serializers.SerializerMethodField()
    limits = LimitsSerializer(source="release.manifest.limits")

    class Meta(PluginSummarySerializer.Meta):
        fields = [
            *PluginSummarySerializer.Meta.fields,
            "license", "sha256", "size_bytes", "installed_at", "permissions", "limits",
        ]  # fmt: skip

    def get_permissions(self, plugin: Plugin) -> list[dict[str, Any]]:
        granted = plugin.granted
        found = []
        for asked in plugin.active.manifest.permissions:
            known = PERMISSIONS[asked.operation]
            found.append(
                {
                    "operation": asked.operation,
                    "title": known.title,
                    "meaning": known.meaning,
                    "risk": str(known.risk),
                    "reason": asked.reason,
                    "optional": asked.optional,
                    "granted": asked.operation in granted,
                }
            )
        return found


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
        return execution_data(instance)


class ExecutionDetailSerializer(ExecutionSerializer):
    host_calls = HostCallSerializer(many=True)

    def to_representation(self, instance: Execution) -> dict[str, Any]:
        calls = HostCallSerializer(instance.host_calls.all(), many=True).data
        return super().to_representation(instance) | {"host_calls": calls}


class ExecutionFilterSerializer(serializers.Serializer[Any]):
    plugin = serializers.CharField(max_length=64, required=False)
    function = serializers.CharField(max_length=64, required=False)
    state = serializers.ChoiceField(Execution.State.values, required=False)


class SignUpSerializer(StrictSerializer):
    email = serializers.CharField(max_length=254)
    name = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class LogInSerializer(StrictSerializer):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class SignedUpSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()


class SessionRefSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    token = serializers.CharField(required=False, help_text="For API clients; browsers get a cookie instead.")


class LoggedInSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()
    session = SessionRefSerializer()


class WhoAmISerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer(allow_null=True)
    session = SessionRefSerializer(allow_null=True)
