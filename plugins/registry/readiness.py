"""What keeps a plugin from serving."""

from collections.abc import Set as AbstractSet

from plugins.bundles.manifest import NetworkKey
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


def why_not_ready(plugin: Plugin) -> list[str]:
    """What an administrator must do before the plugin can serve, one sentence each. Empty if it can."""
    if plugin.release is None:
        return ["Activate a release."]
    reasons = [] if plugin.enabled else ["It is disabled; enable it."]
    if missing := missing_grants(plugin.release, plugin.granted, plugin.network_granted):
        reasons.append(f"Grant {', '.join(missing)}.")
    return reasons
