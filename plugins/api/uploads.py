"""The bundle in a request to install a plugin: an uploaded .zip, or one to fetch from an address."""

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from core.problems import InvalidInput, PayloadTooLarge
from core.shapes import StrictSerializer, TextField, checked
from plugins.bundles.bundle import Bundle, read_zip
from plugins.egress.url_rules import MAX_URL_CHARS
from plugins.registry import downloads


class UploadSerializer(StrictSerializer):
    bundle = serializers.FileField(help_text="A .zip with plugin.json and the .wasm that it names.")


class DownloadSerializer(StrictSerializer):
    url = TextField(
        max_length=MAX_URL_CHARS,
        help_text="The https:// address of the .zip. It must be public, unless the operator allows it.",
    )
    sha256 = TextField(
        validators=[RegexValidator(r"^[0-9a-fA-F]{64}\Z", "This must be 64 hexadecimal digits.")],
        help_text="The digest of the .zip, as its author publishes it.",
    )


class ImportsSerializer(serializers.Serializer[Any]):
    """What the module imports from one namespace."""

    namespace = serializers.CharField()
    names = serializers.ListField(child=serializers.CharField())


class ReportSerializer(serializers.Serializer[Any]):
    """What validation found in the bundle."""

    wasm_bytes = serializers.IntegerField()
    memory_mb = serializers.FloatField(help_text="Memory at the start. `limits` has the most it may use.")
    imports = ImportsSerializer(many=True)
    functions = serializers.ListField(child=serializers.CharField())
    permissions = serializers.ListField(child=serializers.CharField())
    network = serializers.ListField(child=serializers.CharField())


def bundle_in(request: Request) -> Bundle:
    """The bundle that the request contains or names.

    Raises what `read_zip` and `downloads.fetch` raise, and InvalidInput for a request in the wrong shape.
    """
    if isinstance(request.data, QueryDict):
        return read_zip(_uploaded(request))
    return read_zip(downloads.fetch(**checked(DownloadSerializer, request)))


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
