"""What keeps a plugin from serving."""

from plugins.models import Plugin


def why_not_ready(plugin: Plugin) -> list[str]:
    """What an administrator must do before the plugin can serve, one sentence each. Empty if it can."""
    if plugin.release is None:
        return ["Activate a release."]
    reasons = [] if plugin.enabled else ["It is disabled; enable it."]
    if missing := sorted(plugin.release.requires - plugin.granted):
        reasons.append(f"Grant {', '.join(missing)}.")
    for url, methods in sorted(plugin.release.network_required - plugin.network_granted):
        reasons.append(f"Grant the address {' '.join(methods)} {url}.")
    return reasons
