"""/api/v1/plugins/{slug}/browser-runs: start and finish runs in a browser."""

import re
import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import bearer_token, credential_of
from core.operations import OPERATIONS, Operation
from core.problems import NotAuthenticated
from core.shapes import (
    ProblemSerializer,
    StrictIntegerField,
    StrictSerializer,
    TextField,
    checked,
    problems,
)
from plugins.executions import browser_runs
from plugins.executions.browser_runs import ENDS
from plugins.host import execution_tokens
from plugins.registry import catalogue, configuration, store

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


class BrowserRunView(APIView):
    @extend_schema(
        operation_id="start_browser_run",
        request=StartRunSerializer,
        responses={
            201: BrowserRunSerializer,
            **problems(400, 401, 403, 404, 409, 413, 415, 503),
        },
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Begins a run in your browser: where the module is, and a token for its host calls."""
        plugin = catalogue.get_plugin(slug)
        function = checked(StartRunSerializer, request)["function"]
        run = browser_runs.start(plugin, function, credential_of(request))
        release = plugin.active
        answer = {
            "execution_id": run.execution.pk,
            "wasm_url": f"/api/v1/plugins/{slug}/releases/{release.version}/wasm",
            "sha256": release.sha256,
            "config": configuration.config_of(plugin, release.manifest, public_only=True),
            "bounds": execution_tokens.limits_of_run(run.execution),
            "host_functions": [host_function(name) for name in store.host_functions(release.sha256)],
            "host_url": f"{request.scheme}://{request.get_host()}",
            "token": run.token,
            "expires_at": run.expires_at,
        }
        return Response(BrowserRunSerializer(answer).data, status=201)


class FinishRunView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)  # the token of the run decides, in browser_runs.finish

    @extend_schema(
        operation_id="finish_browser_run",
        request=FinishRunSerializer,
        responses={
            200: FinishedRunSerializer,
            **problems(400, 401, 403, 404, 409, 413, 415),
        },
        tags=["executions"],
    )
    def post(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Ends a run in a browser, with the run's own token in the Authorization header."""
        token = bearer_token(request)
        if token is None:
            raise NotAuthenticated("This wants the token of the run.")
        report = browser_runs.Report(**checked(FinishRunSerializer, request))
        problem = browser_runs.finish(execution_id, token, report)
        return Response({"problem": problem and problem.as_dict()})


def host_function(name: str) -> dict[str, str]:
    """How an operation is asked for over HTTP, for those who have it by name only."""
    operation = OPERATIONS[name]
    fields_in = "query" if operation.query else "body" if operation.request else "path"
    path = re.sub(r"<\w+:(\w+)>", r"{\1}", operation.route)
    return {"name": name, "method": operation.method, "path": path, "fields_in": fields_in}
