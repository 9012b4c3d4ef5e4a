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
    StrictNumberField,
    StrictSerializer,
    TextField,
    checked,
    problems,
)
from plugins.executions import browser_runs
from plugins.executions.browser_runs import ENDS
from plugins.host import execution_tokens
from plugins.registry import catalogue, configuration, wasm_store

MAX_REPORTED = (1 << 31) - 1  # the largest integer that the database columns hold


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
    """The HTTP request that stands for a host function which the module imports."""

    name = serializers.CharField()
    method = serializers.CharField()
    path = serializers.CharField(help_text="Below /host/v1/, with {name} in place of each field in the path.")
    fields_in = serializers.ChoiceField(["query", "body", "path"], help_text="Where the other fields go.")


class BrowserRunSerializer(serializers.Serializer[Any]):
    execution_id = serializers.UUIDField()
    wasm_url = serializers.CharField()
    sha256 = serializers.CharField()
    config = serializers.DictField(child=serializers.CharField())
    bounds = BoundsSerializer(help_text="The limits of the run, as on the server.")
    host_functions = HostFunctionSerializer(many=True)
    host_url = serializers.CharField()
    token = serializers.CharField(help_text="For this run's host calls. Shown only once.")
    expires_at = serializers.DateTimeField()


class FinishRunSerializer(StrictSerializer):
    """How a run in a browser ended, as the browser reports it."""

    end = serializers.ChoiceField(ENDS)
    message = TextField(
        max_length=8000,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="The error text of the guest or the trap; otherwise empty.",
    )
    input_bytes = StrictIntegerField(min_value=0, max_value=MAX_REPORTED, required=False)
    output_bytes = StrictIntegerField(min_value=0, max_value=MAX_REPORTED, required=False)
    start_ms = StrictNumberField(min_value=0, max_value=MAX_REPORTED, required=False)
    run_ms = StrictNumberField(min_value=0, max_value=MAX_REPORTED, required=False)
    host_ms = StrictNumberField(min_value=0, max_value=MAX_REPORTED, required=False)


class FinishedRunSerializer(serializers.Serializer[Any]):
    problem = ProblemSerializer(
        allow_null=True, help_text="The problem that a run on the server would have ended with."
    )


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
        """Starts a run in your browser: returns the module's address and a token for its host calls."""
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
            "host_functions": [host_function(name) for name in wasm_store.host_functions(release.sha256)],
            "host_url": f"{request.scheme}://{request.get_host()}",
            "token": run.token,
            "expires_at": run.expires_at,
        }
        return Response(BrowserRunSerializer(answer).data, status=201)


class FinishRunView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)  # browser_runs.finish checks the token of the run

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
        """Ends a run in a browser. Send the token of the run in the Authorization header."""
        token = bearer_token(request)
        if token is None:
            raise NotAuthenticated("Send the token of the run.")
        report = browser_runs.Report(**checked(FinishRunSerializer, request))
        problem = browser_runs.finish(execution_id, token, report)
        return Response({"problem": problem and problem.as_dict()})


def host_function(name: str) -> dict[str, str]:
    """The HTTP request that performs the operation of this name."""
    operation = OPERATIONS[name]
    fields_in = "query" if operation.query else "body" if operation.request else "path"
    path = re.sub(r"<\w+:(\w+)>", r"{\1}", operation.route)
    return {"name": name, "method": operation.method, "path": path, "fields_in": fields_in}
