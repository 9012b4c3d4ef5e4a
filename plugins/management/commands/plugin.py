"""`manage.py plugin`: check, install, list, grant, enable, disable and remove plugins."""

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.operations import PERMISSIONS
from core.problems import InvalidInput
from plugins.bundles.bundle import Bundle, read_path, read_zip, report
from plugins.bundles.manifest import NetworkKey
from plugins.bundles.versions import is_prerelease
from plugins.management.operator import plain_errors
from plugins.models import Plugin, Release
from plugins.registry import catalogue, configuration, consent, downloads, installation, readiness
from plugins.registry.upgrades import asks_for_more, widens


def network_keys(release: Release, urls: list[str]) -> set[NetworkKey]:
    """The release's network rules with these addresses. Raises InvalidInput for any other address."""
    found = {rule.key for rule in release.manifest.network if rule.url in urls}
    if unasked := sorted(set(urls) - {url for url, _ in found}):
        raise InvalidInput(f"{release.plugin.slug} does not ask for {', '.join(unasked)}.")
    return found


class Command(BaseCommand):
    help = "Manages plugins. A new plugin can do nothing until you grant it permissions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="List the installed plugins.")
        check = verbs.add_parser("check", help="Validate a bundle without installing it.")
        check.add_argument("path", help="A folder, a .zip, or the https:// address of a .zip.")
        check.add_argument(
            "--sha256", help="The digest of the .zip at an address, as its author publishes it."
        )
        check.set_defaults(verb="examine")  # check() is Django's own
        install = verbs.add_parser("install", help="Install a bundle.")
        install.add_argument("path", help="A folder, a .zip, or the https:// address of a .zip.")
        install.add_argument(
            "--sha256", help="The digest of the .zip at an address, as its author publishes it."
        )
        install.add_argument(
            "--grant",
            nargs="*",
            metavar="OPERATION",
            help="Activate it and grant these operations and no other.",
        )
        install.add_argument(
            "--network", nargs="*", metavar="URL", help="Activate it and grant these addresses and no other."
        )
        activate = verbs.add_parser(
            "activate",
            help="Consent to a release, or go back to an earlier one.",
            description="Makes a release the active one. Grants that the plugin holds stay, as far as this "
            "release asks for them, unless you name others. Exits with 1 if the plugin cannot serve then.",
        )
        activate.add_argument("slug")
        activate.add_argument("version")
        activate.add_argument(
            "--grant",
            nargs="*",
            metavar="OPERATION",
            help="Grant these operations and no other. Without names: none.",
        )
        activate.add_argument(
            "--network",
            nargs="*",
            metavar="URL",
            help="Grant these addresses and no other. Without addresses: none.",
        )
        for verb in ("grant", "revoke"):
            change = verbs.add_parser(verb, help=f"{verb.capitalize()} permissions.")
            change.add_argument("slug")
            change.add_argument("operations", nargs="+", metavar="OPERATION")
        for verb in ("enable", "disable"):
            verbs.add_parser(verb, help=f"{verb.capitalize()} a plugin.").add_argument("slug")
        remove = verbs.add_parser(
            "remove", help="Remove a plugin with its store and history. This cannot be undone."
        )
        remove.add_argument("slug")

    def handle(self, *args: Any, **options: Any) -> None:
        with plain_errors():
            getattr(self, options["verb"])(options)

    def list(self, options: dict[str, Any]) -> None:
        for plugin in Plugin.objects.select_related("release").prefetch_related("grants", "network_grants"):
            granted = ", ".join(_names(plugin.granted, plugin.network_granted)) or "-"
            waiting = f" {plugin.pending.version} waits for consent" if plugin.pending else ""
            self.stdout.write(
                f"{plugin.slug} {plugin.shown.version} {plugin.state}{waiting} granted: {granted}"
            )
            if plugin.state == "enabled" and (reasons := readiness.why_not_ready(plugin)):
                self.stdout.write(f"  It cannot serve. {' '.join(reasons)}")

    def examine(self, options: dict[str, Any]) -> None:
        bundle = _read_bundle(options)
        manifest, found = bundle.manifest, report(bundle)
        self.stdout.write(f"{manifest.name} {manifest.version} is a valid bundle.")
        self.stdout.write(
            f"  {found['wasm_bytes']} bytes of WebAssembly, "
            f"{found['memory_mb']:g} of {manifest.limits.memory_mb} MB of memory at the start"
        )
        self.stdout.write(f"  functions: {', '.join(found['functions'])}")
        for imports in found["imports"]:
            self.stdout.write(f"  imports from {imports['namespace']}: {', '.join(imports['names'])}")
        self.stdout.write(f"  asks for: {', '.join(found['permissions']) or 'no permissions'}")
        if found["network"]:
            self.stdout.write(f"  asks for addresses: {', '.join(found['network'])}")

    def install(self, options: dict[str, Any]) -> None:
        release = installation.install(_read_bundle(options))
        self.stdout.write(f"Installed {release}.")
        if options["grant"] is not None or options["network"] is not None:
            self._activate(release, options)
            return
        plugin = catalogue.get_plugin(release.plugin.slug)
        if plugin.release_id == release.pk:
            self.stdout.write("It is active.")
            return
        active = plugin.release
        if active is not None and not asks_for_more(release, active):
            kind = "a pre-release" if is_prerelease(release.version) else "not later than it"
            self.stdout.write(f"{active.version} stays active, because {release.version} is {kind}.")
            self.stdout.write(f"To activate it: manage.py plugin activate {plugin.slug} {release.version}")
            return
        self.stdout.write("It waits for consent. It asks for:")
        for permission in release.manifest.permissions:
            registered = PERMISSIONS[permission.operation]
            optional = ", optional" if permission.optional else ""
            self.stdout.write(
                f"  {registered.name} (risk: {registered.risk}{optional}): {registered.meaning}"
            )
            self.stdout.write(f"    Reason: {permission.reason}")
        for rule in release.manifest.network:
            optional = " (optional)" if rule.optional else ""
            self.stdout.write(f"  {', '.join(rule.methods)} {rule.url}{optional}")
            self.stdout.write(f"    Reason: {rule.reason}")
        for gain in widens(release.manifest, plugin.release.manifest) if plugin.release else ():
            self.stdout.write(f"  Also: {gain}")
        self.stdout.write(
            f"To consent: manage.py plugin activate {plugin.slug} {release.version} "
            "--grant OPERATION … --network URL …"
        )

    def activate(self, options: dict[str, Any]) -> None:
        self._activate(catalogue.get_release(options["slug"], options["version"]), options)

    def _activate(self, release: Release, options: dict[str, Any]) -> None:
        """Activates the release and reports its grants. Raises CommandError if the plugin cannot serve."""
        before = catalogue.get_plugin(release.plugin.slug)
        urls = options["network"]
        consent.activate(release, options["grant"], None if urls is None else network_keys(release, urls))
        plugin = catalogue.get_plugin(before.slug)
        earlier = f" in place of {before.release.version}" if before.release else ""
        self.stdout.write(f"Activated {release}{earlier}.")
        granted = _names(plugin.granted, plugin.network_granted)
        asked = _names(release.asks_for, release.network_asked)
        left_out = [name for name in asked if name not in granted]
        required = _names(release.requires, release.network_required)
        known = _names(before.granted, before.network_granted)
        for title, names in (
            ("granted", granted),
            ("new", [name for name in granted if name not in known]),
            ("missing", [name for name in left_out if name in required]),
            ("not granted, optional", [name for name in left_out if name not in required]),
        ):
            self.stdout.write(f"  {title}: {', '.join(names) or 'nothing'}")
        if reasons := readiness.why_not_ready(plugin):
            raise CommandError(f"{plugin.slug} is active but cannot serve. {' '.join(reasons)}")

    def grant(self, options: dict[str, Any]) -> None:
        before = catalogue.get_plugin(options["slug"])
        consent.grant(before, options["operations"])
        self._report("Granted", "already held", set(options["operations"]), before.granted)

    def revoke(self, options: dict[str, Any]) -> None:
        plugin = catalogue.get_plugin(options["slug"])
        operations = set(options["operations"])
        if unheld := sorted(operations - plugin.held):
            raise CommandError(f"{plugin.slug} does not hold {', '.join(unheld)}. Nothing was revoked.")
        consent.revoke(plugin, operations)
        self._report("Revoked", "", operations, frozenset())

    def _report(self, done: str, skipped: str, names: set[str], already: frozenset[str]) -> None:
        if changed := sorted(names - already):
            self.stdout.write(f"{done}: {', '.join(changed)}.")
        if unchanged := sorted(names & already):
            self.stdout.write(f"{skipped.capitalize()}: {', '.join(unchanged)}.")

    def enable(self, options: dict[str, Any]) -> None:
        configuration.set_enabled(catalogue.get_plugin(options["slug"]), True)
        self.stdout.write(f"Enabled {options['slug']}.")
        if reasons := readiness.why_not_ready(catalogue.get_plugin(options["slug"])):
            raise CommandError(f"{options['slug']} is enabled but cannot serve. {' '.join(reasons)}")

    def disable(self, options: dict[str, Any]) -> None:
        configuration.set_enabled(catalogue.get_plugin(options["slug"]), False)
        self.stdout.write(f"Disabled {options['slug']}.")

    def remove(self, options: dict[str, Any]) -> None:
        removed = installation.remove(catalogue.get_plugin(options["slug"]))
        found = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in removed.items())
        self.stdout.write(f"Removed {options['slug']}: {found}.")


def _names(permissions: Iterable[str], network: Iterable[NetworkKey]) -> list[str]:
    """How the command line names them, in a fixed order."""
    return sorted(permissions) + [readiness.rule_name(rule) for rule in sorted(network)]


def _read_bundle(options: dict[str, Any]) -> Bundle:
    """Reads or fetches the bundle.

    Also raises InvalidInput for an address without a digest, and for a digest without an address.
    """
    path, sha256 = str(options["path"]), options["sha256"]
    if ("://" in path) != bool(sha256):
        raise InvalidInput("Give --sha256 with an address, and only with an address.")
    if sha256:
        return read_zip(downloads.fetch(path, sha256))
    return read_path(Path(path), settings.PLUGIN_MAX_BUNDLE_BYTES)
