"""`manage.py openapi FOLDER`: writes the two OpenAPI documents, for tools that generate clients."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.test import RequestFactory

from plugins.api.openapi import HostSchemaView, PublicSchemaView
from plugins.management.operator import plain_errors


class Command(BaseCommand):
    help = "Writes the OpenAPI documents public.json and host.json to a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        with plain_errors():
            for name, view in (("public", PublicSchemaView), ("host", HostSchemaView)):
                response = view.as_view()(RequestFactory().get("/"))
                path = options["folder"] / f"{name}.json"
                path.write_bytes(response.content)
                self.stdout.write(f"Wrote {path}.")
