"""The limits of one call: what the manifest requests, capped by the operator's settings."""

from dataclasses import dataclass

from django.conf import settings

from plugins.bundles.manifest import Function, PluginManifest

PAGE_BYTES = 64 << 10


@dataclass(frozen=True)
class CallLimits:
    """`fuel`: about how many instructions; 0 means unlimited. `workers`: how many calls may run at once."""

    timeout_ms: int
    memory_mb: int
    fuel: int
    max_input_bytes: int
    max_output_bytes: int
    max_host_calls: int
    max_bridge_bytes: int
    workers: int

    @property
    def max_pages(self) -> int:
        return self.memory_mb * (1 << 20) // PAGE_BYTES


def limits_of(manifest: PluginManifest, function: Function) -> CallLimits:
    requested = manifest.limits.for_function(function)
    return CallLimits(
        timeout_ms=min(requested.timeout_ms, settings.PLUGIN_MAX_TIMEOUT_MS),
        memory_mb=min(requested.memory_mb, settings.PLUGIN_MAX_MEMORY_MB),
        fuel=min((fuel for fuel in (requested.fuel, settings.PLUGIN_MAX_FUEL) if fuel), default=0),
        max_input_bytes=min(requested.max_input_kb << 10, settings.PLUGIN_MAX_INPUT_BYTES),
        max_output_bytes=min(requested.max_output_kb << 10, settings.PLUGIN_MAX_OUTPUT_BYTES),
        max_host_calls=min(requested.max_host_calls, settings.PLUGIN_MAX_HOST_CALLS),
        max_bridge_bytes=min(requested.max_bridge_kb << 10, settings.PLUGIN_MAX_BRIDGE_BYTES),
        workers=requested.concurrency,
    )
