"""What keeps a plugin from serving."""

from collections.abc import Set as AbstractSet
from typing import Any

from plugins.bundles.manifest import NetworkKey, PluginManifest
from plugins.models import Plugin, Release

_NONE: frozenset[str] = frozenset()


def missing_grants(
    release: Release,
    permissions: AbstractSet[str] = _NONE,
    network: AbstractSet[NetworkKey] = frozenset(),
) -> list[str]:
    """What the release needs besides these: operations, and network rules as `rule_name` names them."""
    rules = sorted(release.network_required - network)
    return sorted(release.requires - permissions) + [rule_name(rule) for rule in rules]


def rule_name(rule: NetworkKey) -> str:
    url, methods = rule
    return f"{' '.join(methods)} {url}"


def missing_settings(manifest: PluginManifest, values: dict[str, Any]) -> list[str]:
    """The required settings that are not set and have no default. An empty secret is not set."""
    schema = manifest.settings_schema
    defaults = {
        name: setting["default"]
        for name, setting in schema.get("properties", {}).items()
        if "default" in setting
    }
    known = {
        name
        for name, value in (defaults | values).items()
        if not (name in manifest.secret_settings and value == "")
    }
    return sorted(set(schema.get("required", [])) - known)


def why_not_ready(plugin: Plugin) -> list[str]:
    """What an administrator must do before the plugin can serve, one sentence each. Empty if it can."""
    if plugin.release is None:
        return ["Activate a release."]
    reasons = [] if plugin.enabled else ["It is disabled; enable it."]
    if missing := missing_grants(plugin.release, plugin.granted, plugin.network_granted):
        reasons.append(f"Grant {', '.join(missing)}.")
    if names := missing_settings(plugin.release.manifest, plugin.settings):
        reasons.append(f"Set {', '.join(names)}.")
    return reasons
