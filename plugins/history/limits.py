"""How much one call may use: what the manifest asks for, at most what the operator allows."""

from dataclasses import dataclass

from django.conf import settings

from plugins.bundles.manifest import Function, PluginManifest

PAGE_BYTES = 64 << 10


@dataclass(frozen=True)
class CallLimits:
    """What holds for one call. `fuel` counts instructions, roughly; 0 for any number. `workers` at a time."""

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
    asked = manifest.limits.for_function(function)
    return CallLimits(
        timeout_ms=min(asked.timeout_ms, settings.PLUGIN_MAX_TIMEOUT_MS),
        memory_mb=min(asked.memory_mb, settings.PLUGIN_MAX_MEMORY_MB),
        fuel=min((fuel for fuel in (asked.fuel, settings.PLUGIN_MAX_FUEL) if fuel), default=0),
        max_input_bytes=min(asked.max_input_kb << 10, settings.PLUGIN_MAX_INPUT_BYTES),
        max_output_bytes=min(asked.max_output_kb << 10, settings.PLUGIN_MAX_OUTPUT_BYTES),
        max_host_calls=min(asked.max_host_calls, settings.PLUGIN_MAX_HOST_CALLS),
        max_bridge_bytes=min(asked.max_bridge_kb << 10, settings.PLUGIN_MAX_BRIDGE_BYTES),
        workers=asked.concurrency,
    )
