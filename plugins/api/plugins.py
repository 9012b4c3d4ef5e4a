"""The shapes of plugins, of consent and of the server on the wire."""

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import signed_in
from core.operations import PERMISSIONS
from core.parsers import StrictJSONParser, UploadParser
from core.problems import InvalidInput, PayloadTooLarge
from core.shapes import (
    BoundedListField,
    Pages,
    StrictBooleanField,
    StrictSerializer,
    TextField,
    checked,
    problems,
)
from plugins.api import plugin_shapes
from plugins.api.permissions import IsStaffOrReads
from plugins.api.plugin_shapes import NetworkGrantSerializer, PluginDetailSerializer
from plugins.api.releases import network_keys
from plugins.bundles.bundle import read_zip, report
from plugins.egress.addresses import MAX_URL_CHARS
from plugins.models import Plugin
from plugins.registry import catalogue, configuration, consent, downloads, installation


class ChangePluginSerializer(StrictSerializer):
    enabled = StrictBooleanField(required=False)
    settings = serializers.DictField(required=False)
    grants = BoundedListField(child=TextField(max_length=64), max_length=200, required=False)
    network_grants = BoundedListField(child=NetworkGrantSerializer(), max_length=50, required=False)


class PermissionInfoSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(source="name")
    title = serializers.CharField()
    meaning = serializers.CharField()
    risk = serializers.ChoiceField(["low", "medium", "high", "highest"])


class UploadSerializer(StrictSerializer):
    bundle = serializers.FileField(help_text="A .zip with plugin.json and the .wasm that it names.")


class DownloadSerializer(StrictSerializer):
    url = TextField(
        max_length=MAX_URL_CHARS,
        help_text="Where the .zip is: https://…, on a public address unless the operator excepted it.",
    )
    sha256 = TextField(
        validators=[RegexValidator(r"^[0-9a-fA-F]{64}\Z", "These are 64 hexadecimal digits.")],
        help_text="Of the .zip, as its author publishes it.",
    )


class ImportsSerializer(serializers.Serializer[Any]):
    """What the module takes from one namespace."""

    namespace = serializers.CharField()
    names = serializers.ListField(child=serializers.CharField())


class ReportSerializer(serializers.Serializer[Any]):
    """What the upload gate found."""

    wasm_bytes = serializers.IntegerField()
    memory_mb = serializers.FloatField(help_text="What it begins with; its limit is in `limits`.")
    imports = ImportsSerializer(many=True)
    functions = serializers.ListField(child=serializers.CharField())
    permissions = serializers.ListField(child=serializers.CharField())
    network = serializers.ListField(child=serializers.CharField())


class InstalledSerializer(serializers.Serializer[Any]):
    plugin = PluginDetailSerializer()
    version = serializers.CharField(help_text="Of the release that was installed.")
    report = ReportSerializer()


class RemovedSerializer(serializers.Serializer[Any]):
    releases = serializers.IntegerField()
    executions = serializers.IntegerField()
    stored_values = serializers.IntegerField()


@extend_schema_view(
    get=extend_schema(
        operation_id="list_plugins",
        parameters=[OpenApiParameter("search", str, description="Part of the slug.")],
        responses={200: plugin_shapes.PluginSummarySerializer(many=True), **problems(401, 404)},
        tags=["plugins"],
    )
)
class PluginListView(ListAPIView[Plugin]):
    """The installed plugins."""

    permission_classes = (IsAuthenticated, IsStaffOrReads)
    parser_classes = (UploadParser, StrictJSONParser)
    serializer_class = plugin_shapes.PluginSummarySerializer
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Plugin]:
        found = Plugin.objects.select_related("release").prefetch_related("grants")
        search = self.request.query_params.get("search", "").strip().replace("\0", "")
        return found.filter(slug__icontains=search) if search else found

    @extend_schema(
        operation_id="install_plugin",
        parameters=[],
        request={
            "multipart/form-data": UploadSerializer,
            "application/json": DownloadSerializer,
        },
        responses={201: InstalledSerializer, **problems(400, 401, 403, 409, 413, 415, 502, 503, 504)},
        tags=["plugins"],
    )
    def post(self, request: Request) -> Response:
        """Installs a bundle, a .zip: sent, or fetched from `url` if it has the digest `sha256`.

        Without being granted anything it waits; see `pending`.
        """
        if isinstance(request.data, QueryDict):
            archive = _uploaded(request)
        else:
            archive = downloads.fetch(**checked(DownloadSerializer, request))
        bundle = read_zip(archive)
        release = installation.install_uploaded(bundle)
        plugin = catalogue.get_plugin(release.plugin.slug)
        answer = {"plugin": plugin, "version": release.version, "report": report(bundle)}
        return Response(
            InstalledSerializer(answer, context={"request": request}).data,
            status=201,
            headers={"Location": f"/api/v1/plugins/{plugin.slug}"},
        )


def _uploaded(request: Request) -> bytes:
    """The one file in the form. Raises InvalidInput and PayloadTooLarge."""
    file = checked(UploadSerializer, request)["bundle"]
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
        responses={200: plugin_shapes.PluginDetailSerializer, **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str) -> Response:
        """One plugin: its functions with their schemas, what it may do and why, its limits."""
        return self._answer(request, slug)

    @extend_schema(
        operation_id="change_plugin",
        request=ChangePluginSerializer,
        responses={200: plugin_shapes.PluginDetailSerializer, **problems(400, 401, 403, 404, 413, 415)},
        tags=["plugins"],
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Changes what is given: whether it is enabled, its settings, the full list of what it is granted."""
        plugin = catalogue.get_plugin(slug)
        data = checked(ChangePluginSerializer, request)
        with transaction.atomic():
            if "grants" in data or "network_grants" in data:
                consent.set_grants(
                    plugin,
                    data.get("grants"),
                    network_keys(data.get("network_grants")),
                    by=signed_in(request),
                )
            if "settings" in data:
                configuration.set_settings(plugin, data["settings"])
            if "enabled" in data:
                configuration.set_enabled(plugin, data["enabled"])
        return self._answer(request, slug)

    @extend_schema(
        operation_id="remove_plugin",
        responses={200: RemovedSerializer, **problems(401, 403, 404, 409)},
        tags=["plugins"],
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Removes the plugin with its releases, store and history; how many of each. There is no way back."""
        removed = installation.remove(catalogue.get_plugin(slug), by=signed_in(request))
        return Response(RemovedSerializer(removed).data)

    @staticmethod
    def _answer(request: Request, slug: str) -> Response:
        plugin = catalogue.get_plugin(slug)
        return Response(plugin_shapes.PluginDetailSerializer(plugin, context={"request": request}).data)


class WatchView(APIView):
    @extend_schema(
        operation_id="watch_plugin",
        request=None,
        responses={204: None, **problems(401, 404)},
        tags=["plugins"],
    )
    def put(self, request: Request, slug: str) -> Response:
        """From now on you see the plugin's notifications."""
        configuration.set_watching(catalogue.get_plugin(slug), signed_in(request), True)
        return Response(status=204)

    @extend_schema(
        operation_id="unwatch_plugin", responses={204: None, **problems(401, 404)}, tags=["plugins"]
    )
    def delete(self, request: Request, slug: str) -> Response:
        """From now on you do not."""
        configuration.set_watching(catalogue.get_plugin(slug), signed_in(request), False)
        return Response(status=204)


class PermissionListView(APIView):
    @extend_schema(
        operation_id="list_permissions",
        responses={200: PermissionInfoSerializer(many=True), **problems(401)},
        tags=["plugins"],
    )
    def get(self, request: Request) -> Response:
        """Everything that a plugin can be granted."""
        return Response(PermissionInfoSerializer(PERMISSIONS.values(), many=True).data)
