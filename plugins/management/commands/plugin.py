"""`manage.py plugin`: install, list, grant and switch plugins from the command line."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.problems import Problem
from plugins import registry
from plugins.bundle import read_folder
from plugins.models import Plugin


class Command(BaseCommand):
    help = "Manages plugins. A freshly installed plugin may do nothing until it is granted permissions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="What is installed.")
        install = verbs.add_parser("install", help="Install a bundle's folder.")
        install.add_argument("folder", type=Path)
        install.add_argument(
            "--grant", nargs="*", default=[], metavar="OPERATION", help="Grant these at once."
        )
        for verb in ("grant", "revoke"):
            change = verbs.add_parser(verb, help=f"{verb.capitalize()} permissions.")
            change.add_argument("slug")
            change.add_argument("operations", nargs="+", metavar="OPERATION")
        for verb in ("enable", "disable"):
            verbs.add_parser(verb, help=f"{verb.capitalize()} a plugin.").add_argument("slug")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except Problem as problem:
            raise CommandError(f"{problem.title}: {problem.detail}") from problem

    def list(self, options: dict[str, Any]) -> None:
        for plugin in Plugin.objects.select_related("release").prefetch_related("grants"):
            state = "enabled" if plugin.enabled else "disabled"
            version = plugin.release.version if plugin.release else "-"
            self.stdout.write(
                f"{plugin.slug} {version} {state} granted: {', '.join(sorted(plugin.granted)) or '-'}"
            )

    def install(self, options: dict[str, Any]) -> None:
        release = registry.install(read_folder(options["folder"]))
        registry.grant(release.plugin, options["grant"])
        missing = {p.operation for p in release.manifest.permissions} - registry.get_plugin(
            release.plugin.slug
        ).granted
        self.stdout.write(f"Installed {release}.")
        if missing:
            self.stdout.write(
                f"Not granted: {', '.join(sorted(missing))}. "
                f"To grant: manage.py plugin grant {release.plugin.slug} OPERATION …"
            )

    def grant(self, options: dict[str, Any]) -> None:
        plugin = registry.get_plugin(options["slug"])
        registry.grant(plugin, options["operations"])
        refused = set(options["operations"]) - registry.get_plugin(plugin.slug).granted
        if refused:
            raise CommandError(
                f"{plugin.slug} does not ask for {', '.join(sorted(refused))}; nothing to grant there."
            )

    def revoke(self, options: dict[str, Any]) -> None:
        registry.revoke(registry.get_plugin(options["slug"]), options["operations"])

    def enable(self, options: dict[str, Any]) -> None:
        registry.set_enabled(registry.get_plugin(options["slug"]), True)

    def disable(self, options: dict[str, Any]) -> None:
        registry.set_enabled(registry.get_plugin(options["slug"]), False)
