"""Plugins, calls and executions over REST."""

import re
import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import Pages, checked, credential_of, signed_in
from accounts.authentication import bearer_token
from accounts.parsers import StrictJSONParser, UploadParser
from accounts.problems import InvalidInput, NotAuthenticated, NotFound, PayloadTooLarge
from accounts.schemas import problems
from plugins import (
    browser_runs,
    calls,
    downloads,
    execution_schemas,
    execution_tokens,
    executions,
    journal,
    registry,
    schemas,
    store,
)
from plugins.bundle import read_zip, report
from plugins.manifest import NetworkKey
from plugins.models import Execution, Plugin
from plugins.operations import OPERATIONS, PERMISSIONS
from plugins.permissions import IsStaff, IsStaffOrReads

CALL_RESPONSES: dict[Any, Any] = {
    (200, "application/json"): OpenApiResponse(OpenApiTypes.ANY, "The function's output."),
    (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The function's output."),
    **problems(400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504),
}


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
        operation_id="list_plugins",
        parameters=[OpenApiParameter("search", str, description="Part of the slug.")],
        responses={200: schemas.PluginSummarySerializer(many=True), **problems(401, 404)},
        tags=["plugins"],
    )
)
class PluginListView(ListAPIView[Plugin]):
    """The installed plugins."""

    permission_classes = (IsAuthenticated, IsStaffOrReads)
    parser_classes = (UploadParser, StrictJSONParser)
    serializer_class = schemas.PluginSummarySerializer
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Plugin]:
        found = Plugin.objects.select_related("release").prefetch_related("grants")
        search = self.request.query_params.get("search", "").strip().replace("\0", "")
        return found.filter(slug__icontains=search) if search else found

    @extend_schema(
        operation_id="install_plugin",
        parameters=[],
        request={
            "multipart/form-data": schemas.UploadSerializer,
            "application/json": schemas.DownloadSerializer,
        },
        responses={201: schemas.InstalledSerializer, **problems(400, 401, 403, 409, 413, 415, 502, 503, 504)},
        tags=["plugins"],
    )
    def post(self, request: Request) -> Response:
        """Installs a bundle, a .zip: sent, or fetched from `url` if it has the digest `sha256`.

        Without being granted anything it waits; see `pending`.
        """
        if isinstance(request.data, QueryDict):
            archive = _uploaded(request)
        else:
            archive = downloads.fetch(**checked(schemas.DownloadSerializer, request))
        bundle = read_zip(archive)
        release = registry.install_uploaded(bundle)
        plugin = registry.get_plugin(release.plugin.slug)
        answer = {"plugin": plugin, "version": release.version, "report": report(bundle)}
        return Response(
            schemas.InstalledSerializer(answer, context={"request": request}).data,
            status=201,
            headers={"Location": f"/api/v1/plugins/{plugin.slug}"},
        )


def _uploaded(request: Request) -> bytes:
    """The one file in the form. Raises InvalidInput and PayloadTooLarge."""
    file = checked(schemas.UploadSerializer, request)["bundle"]
    if len(request.FILES.getlist("bundle")) > 1:
        raise InvalidInput.at("/bundle", "Send one file.")
    limit = settings.PLUGIN_MAX_BUNDLE_BYTES
    if file.size > limit:
        raise PayloadTooLarge(f"A bundle may have at most {limit} bytes.")
    archive: bytes = file.read()
    return archive


class PluginView(APIView):
    permission_classes = (IsAuthenticated, IsStaffOrReads)

    @extend_schema(
        operation_id="get_plugin",
        responses={200: schemas.PluginDetailSerializer, **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str) -> Response:
        """One plugin: its functions with their schemas, what it may do and why, its limits."""
        return self._answer(request, slug)

    @extend_schema(
        operation_id="change_plugin",
        request=schemas.ChangePluginSerializer,
        responses={200: schemas.PluginDetailSerializer, **problems(400, 401, 403, 404, 413, 415)},
        tags=["plugins"],
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Changes what is given: whether it is enabled, its settings, the full list of what it is granted."""
        plugin = registry.get_plugin(slug)
        data = checked(schemas.ChangePluginSerializer, request)
        with transaction.atomic():
            if "grants" in data or "network_grants" in data:
                registry.set_grants(
                    plugin,
                    data.get("grants"),
                    network_keys(data.get("network_grants")),
                    by=signed_in(request),
                )
            if "settings" in data:
                registry.set_settings(plugin, data["settings"])
            if "enabled" in data:
                registry.set_enabled(plugin, data["enabled"])
        return self._answer(request, slug)

    @extend_schema(
        operation_id="remove_plugin",
        responses={200: schemas.RemovedSerializer, **problems(401, 403, 404, 409)},
        tags=["plugins"],
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Removes the plugin with its releases, store and history; how many of each. There is no way back."""
        removed = registry.remove(registry.get_plugin(slug), by=signed_in(request))
        return Response(schemas.RemovedSerializer(removed).data)

    @staticmethod
    def _answer(request: Request, slug: str) -> Response:
        plugin = registry.get_plugin(slug)
        return Response(schemas.PluginDetailSerializer(plugin, context={"request": request}).data)


class ReleaseListView(APIView):
    @extend_schema(
        operation_id="list_releases",
        responses={200: schemas.ReleaseSerializer(many=True), **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str) -> Response:
        """The plugin's releases, latest first."""
        releases = registry.get_plugin(slug).releases.select_related("plugin__release")
        return Response(schemas.ReleaseSerializer(releases, many=True).data)


class ActivateView(APIView):
    permission_classes = (IsAuthenticated, IsStaff)

    @extend_schema(
        operation_id="activate_release",
        request=schemas.ConsentSerializer,
        responses={200: schemas.PluginDetailSerializer, **problems(400, 401, 403, 404, 413, 415)},
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str, version: str) -> Response:
        """Consent, or the way back: the release serves from now on and holds exactly these grants."""
        release = registry.get_release(slug, version)
        data = checked(schemas.ConsentSerializer, request)
        held = registry.get_plugin(slug)
        grants = data.get("grants", held.granted & release.asks_for)
        network = network_keys(data.get("network_grants"))
        if network is None:
            network = held.network_granted & release.network_asked
        registry.activate(release, grants, network, by=signed_in(request))
        plugin = registry.get_plugin(slug)
        return Response(schemas.PluginDetailSerializer(plugin, context={"request": request}).data)


class WasmView(APIView):
    @extend_schema(
        operation_id="get_wasm",
        responses={(200, "application/wasm"): OpenApiTypes.BINARY, **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponse:
        """The release's bytes, for a run in the browser. Others are for administrators."""
        release = registry.get_release(slug, version)
        if not (release.runs_in_browsers or signed_in(request).is_staff):
            raise NotFound("No function of this release runs in a browser.")
        headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{release.sha256}"'}
        return HttpResponse(store.load_wasm(release.sha256), "application/wasm", headers=headers)


class WatchView(APIView):
    @extend_schema(
        operation_id="watch_plugin",
        request=None,
        responses={204: None, **problems(401, 404)},
        tags=["plugins"],
    )
    def put(self, request: Request, slug: str) -> Response:
        """From now on you see the plugin's notifications."""
        registry.set_watching(registry.get_plugin(slug), signed_in(request), True)
        return Response(status=204)

    @extend_schema(
        operation_id="unwatch_plugin", responses={204: None, **problems(401, 404)}, tags=["plugins"]
    )
    def delete(self, request: Request, slug: str) -> Response:
        """From now on you do not."""
        registry.set_watching(registry.get_plugin(slug), signed_in(request), False)
        return Response(status=204)


class BrowserRunView(APIView):
    @extend_schema(
        operation_id="start_browser_run",
        request=execution_schemas.StartRunSerializer,
        responses={
            201: execution_schemas.BrowserRunSerializer,
            **problems(400, 401, 403, 404, 409, 413, 415, 503),
        },
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Begins a run in your browser: where the module is, and a token for its host calls."""
        plugin = registry.get_plugin(slug)
        function = checked(execution_schemas.StartRunSerializer, request)["function"]
        run = browser_runs.start(plugin, function, credential_of(request))
        release = plugin.active
        answer = {
            "execution_id": run.execution.pk,
            "wasm_url": f"/api/v1/plugins/{slug}/releases/{release.version}/wasm",
            "sha256": release.sha256,
            "config": registry.config_of(plugin, release.manifest, public_only=True),
            "bounds": execution_tokens.limits_of_run(run.execution),
            "host_functions": [host_function(name) for name in store.host_functions(release.sha256)],
            "host_url": f"{request.scheme}://{request.get_host()}",
            "token": run.token,
            "expires_at": run.expires_at,
        }
        return Response(execution_schemas.BrowserRunSerializer(answer).data, status=201)


class FinishRunView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)  # the token of the run decides, in browser_runs.finish

    @extend_schema(
        operation_id="finish_browser_run",
        request=execution_schemas.FinishRunSerializer,
        responses={
            200: execution_schemas.FinishedRunSerializer,
            **problems(400, 401, 403, 404, 409, 413, 415),
        },
        tags=["executions"],
    )
    def post(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Ends a run in a browser, with the run's own token in the Authorization header."""
        token = bearer_token(request)
        if token is None:
            raise NotAuthenticated("This wants the token of the run.")
        report = browser_runs.Report(**checked(execution_schemas.FinishRunSerializer, request))
        problem = browser_runs.finish(execution_id, token, report)
        return Response({"problem": problem and problem.as_dict()})


class PermissionListView(APIView):
    @extend_schema(
        operation_id="list_permissions",
        responses={200: schemas.PermissionInfoSerializer(many=True), **problems(401)},
        tags=["plugins"],
    )
    def get(self, request: Request) -> Response:
        """Everything that a plugin can be granted."""
        return Response(schemas.PermissionInfoSerializer(PERMISSIONS.values(), many=True).data)


class CallView(APIView):
    """Calls a function: the body is its input as it is, the answer its output as it is.

    plugins.calls does it, and under an ASGI server is asked before any of this.
    """

    permission_classes = (AllowAny,)  # the function's own `access` decides, in executions.run

    def perform_authentication(self, request: Request) -> None:
        """plugins.calls does that itself."""

    @extend_schema(
        operation_id="call_function",
        request={"application/json": OpenApiTypes.ANY, "application/octet-stream": OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("Prefer", str, OpenApiParameter.HEADER, enum=["respond-async"])],
        responses=CALL_RESPONSES | {202: OpenApiResponse(description="It runs; `Location` is its record.")},
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str, function: str) -> HttpResponse:
        """Runs the function. `Execution-Id` names the record; `Server-Timing` says where the time went."""
        return calls.answer(request._request, slug, function)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_executions",
        parameters=[execution_schemas.ExecutionFilterSerializer],
        responses={200: execution_schemas.ExecutionSerializer(many=True), **problems(400, 401, 404)},
        tags=["executions"],
    )
)
class ExecutionListView(ListAPIView[Execution]):
    """Executions, latest first: your own; every one for staff."""

    serializer_class = execution_schemas.ExecutionSerializer
    pagination_class = ExecutionPages
    filters: ClassVar = {"plugin": "plugin__slug", "function": "function", "state": "state"}

    def get_queryset(self) -> QuerySet[Execution]:
        form = execution_schemas.ExecutionFilterSerializer(
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
        responses={200: execution_schemas.ExecutionDetailSerializer, **problems(401, 404)},
        tags=["executions"],
    )
    def get(self, request: Request, execution_id: uuid.UUID) -> Response:
        """One execution with its host calls. Somebody else's is not found."""
        return Response(
            execution_schemas.ExecutionDetailSerializer(visible_execution(request, execution_id)).data
        )


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
        (browser_runs if execution.target == "browser" else executions).cancel(execution)
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
        client = calls.client_of(request._request, signed_in(request))
        return calls.call_response(executions.replay(visible_execution(request, execution_id), client))


def visible_execution(request: Request, execution_id: uuid.UUID) -> Execution:
    """As it is now, everything that happened here included. Raises NotFound for somebody else's."""
    journal.flush()
    mine = Execution.objects.visible_to(request.user).select_related("plugin", "user")
    execution = mine.filter(pk=execution_id).first()
    if execution is None:
        raise NotFound("There is no such execution, or it is not yours.")
    return execution


def network_keys(rules: list[dict[str, Any]] | None) -> frozenset[NetworkKey] | None:
    return (
        None if rules is None else frozenset((rule["url"], tuple(sorted(rule["methods"]))) for rule in rules)
    )


def host_function(name: str) -> dict[str, str]:
    """How an operation is asked for over HTTP, for those who have it by name only."""
    operation = OPERATIONS[name]
    fields_in = "query" if operation.query else "body" if operation.request else "path"
    path = re.sub(r"<\w+:(\w+)>", r"{\1}", operation.route)
    return {"name": name, "method": operation.method, "path": path, "fields_in": fields_in}
