"""/api/v1/plugins/{slug}/releases: list, activate and download releases."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import signed_in
from core.problems import NotFound
from core.shapes import BoundedListField, StrictSerializer, TextField, checked, problems
from plugins.api.grants import NetworkGrantSerializer, network_keys
from plugins.api.permissions import IsStaff
from plugins.api.plugins import PluginDetailSerializer
from plugins.bundles.versions import precedence
from plugins.models import Release
from plugins.registry import catalogue, consent, wasm_store


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    state = serializers.SerializerMethodField()

    class Meta:
        model = Release
        fields = ["version", "sha256", "size_bytes", "created_at", "state"]

    @extend_schema_field(serializers.ChoiceField(["active", "pending", "previous"]))
    def get_state(self, release: Release) -> str:
        if release.pk == release.plugin.release_id:
            return "active"
        return "pending" if release == release.plugin.pending else "previous"


class ConsentSerializer(StrictSerializer):
    grants = BoundedListField(
        child=TextField(max_length=64),
        max_length=200,
        required=False,
        help_text="The complete list of permissions. By default, those it holds and this release asks for.",
    )
    network_grants = BoundedListField(
        child=NetworkGrantSerializer(), max_length=50, required=False, help_text="The same for network rules."
    )
    settings = serializers.DictField(
        required=False, help_text="The plugin's settings from then on. By default, they stay as they are."
    )


class ReleaseListView(APIView):
    @extend_schema(
        operation_id="list_releases",
        responses={200: ReleaseSerializer(many=True), **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str) -> Response:
        """The plugin's releases, latest version first."""
        releases = catalogue.get_plugin(slug).releases.select_related("plugin__release")
        ordered = sorted(releases, key=lambda release: precedence(release.version), reverse=True)
        return Response(ReleaseSerializer(ordered, many=True).data)


class ActivateView(APIView):
    permission_classes = (IsAuthenticated, IsStaff)

    @extend_schema(
        operation_id="activate_release",
        request=ConsentSerializer,
        responses={200: PluginDetailSerializer, **problems(400, 401, 403, 404, 409, 413, 415)},
        tags=["plugins"],
    )
    def post(self, request: Request, slug: str, version: str) -> Response:
        """Makes the release active with exactly these grants. It may be a new release or an earlier one."""
        release = catalogue.get_release(slug, version)
        data = checked(ConsentSerializer, request)
        network = network_keys(data.get("network_grants"))
        consent.activate(
            release, data.get("grants"), network, settings=data.get("settings"), by=signed_in(request)
        )
        plugin = catalogue.get_plugin(slug)
        return Response(PluginDetailSerializer(plugin, context={"request": request}).data)


class WasmView(APIView):
    @extend_schema(
        operation_id="get_wasm",
        responses={(200, "application/wasm"): OpenApiTypes.BINARY, **problems(401, 404)},
        tags=["plugins"],
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponse:
        """The release's .wasm, for runs in a browser.

        Only administrators can get a release whose functions all run on the server.
        """
        release = catalogue.get_release(slug, version)
        if not (release.runs_in_browsers or signed_in(request).is_staff):
            raise NotFound("No function of this release runs in a browser.")
        headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{release.sha256}"'}
        return HttpResponse(wasm_store.load_wasm(release.sha256), "application/wasm", headers=headers)
