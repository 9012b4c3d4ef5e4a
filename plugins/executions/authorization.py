"""Decides who may call which function, and prepares everything that such a call needs. Reads the database."""

import json
import logging
from dataclasses import dataclass

from accounts.models import User
from core.problems import Forbidden, NotAuthenticated, NotFound
from plugins.bundles.manifest import Function, PluginManifest
from plugins.egress.url_rules import HOST_ORIGIN, Rule
from plugins.history import server_processes
from plugins.history.call_limits import CallLimits, limits_of
from plugins.models import Execution, Plugin, Release
from plugins.registry import catalogue, configuration, wasm_store
from plugins.registry.catalogue import PluginDisabled, PluginNotConfigured, PluginWaiting
from plugins.registry.readiness import missing_settings
from plugins.runtime.job import Job

logger = logging.getLogger("hostbridge.authorization")

_RECENT_EXECUTIONS = 1000  # how many of the latest executions decide which plugins are in use


@dataclass(frozen=True)
class Client:
    """Where a call came from, as the server saw it."""

    user: User | None = None
    user_agent: str = ""
    ip_address: str | None = None


@dataclass(frozen=True)
class Authorization:
    """The permission of one client to call one function, with everything that a call needs except its input.

    It serves any number of calls, as long as no user, session, plugin or grant has changed. `job` lacks the
    input. `pattern` is the execution that each call's record starts from.
    """

    plugin: Plugin
    release: Release
    function: Function
    limits: CallLimits
    client: Client
    granted: frozenset[str]
    job: Job
    network: tuple[Rule, ...]
    pattern: Execution


def authorize(plugin: Plugin, function_name: str, client: Client) -> Authorization:
    """Raises what `prepare` raises."""
    function = prepare(plugin, function_name, client.user)
    release = plugin.active
    limits = limits_of(release.manifest, function)
    return Authorization(
        plugin=plugin,
        release=release,
        function=function,
        limits=limits,
        client=client,
        granted=plugin.granted,
        job=_job(plugin, release, function, limits),
        network=_network(plugin, release.manifest),
        pattern=Execution(
            plugin=plugin,
            release=release,
            function=function.name,
            user=client.user,
            state=Execution.State.QUEUED.value,
            server=server_processes.own_id(),
        ),
    )


def for_warm_up() -> list[Authorization]:
    """Authorizes one function of each plugin, which fills the caches that the first call would fill.

    Returns the authorizations of the plugins in use, the most recently called first.
    """
    administrator = Client(User(is_staff=True))
    authorizations = {}
    for plugin in Plugin.objects.filter(enabled=True).exclude(release=None):
        try:
            found = catalogue.get_plugin(plugin.slug)
            authorizations[plugin.pk] = authorize(
                found, found.active.manifest.functions[0].name, administrator
            )
        except Exception as error:  # its callers will get a problem; the other plugins must not suffer
            logger.warning("The plugin “%s” cannot be called: %r", plugin.slug, error)
    recent = Execution.objects.order_by("-pk").values_list("plugin_id", flat=True)[:_RECENT_EXECUTIONS]
    return [authorizations[pk] for pk in dict.fromkeys(recent) if pk in authorizations]


def prepare(plugin: Plugin, function_name: str, user: User | None) -> Function:
    """The function, if this user (None: not logged in) may call it now.

    Raises NotFound, PluginWaiting, PluginDisabled, PluginNotConfigured, NotAuthenticated or Forbidden.
    """
    if plugin.release_id is None:
        raise PluginWaiting
    function = plugin.active.manifest.function(function_name)
    if function is None:
        raise NotFound(f"The plugin “{plugin.slug}” has no function “{function_name}”.")
    if not plugin.enabled:
        raise PluginDisabled(f"The plugin “{plugin.slug}” is disabled. An administrator can enable it.")
    check_access(function, user)
    if missing := missing_settings(plugin.active.manifest, plugin.settings):
        names = ", ".join(missing)
        raise PluginNotConfigured(
            f"The plugin “{plugin.slug}” needs settings: {names}. An administrator sets them."
        )
    return function


def check_access(function: Function, user: User | None) -> None:
    """Raises NotAuthenticated or Forbidden if this user (None: not logged in) may not call the function."""
    if function.access == "public":
        return
    if user is None:
        raise NotAuthenticated
    if function.access == "staff" and not user.is_staff:
        raise Forbidden("This function is for administrators.")


def _job(plugin: Plugin, release: Release, function: Function, limits: CallLimits) -> Job:
    sha256 = release.sha256
    config = configuration.config_of(plugin, release.manifest) | {"host_url": HOST_ORIGIN}
    return Job(
        sha256=sha256,
        wasm=lambda: wasm_store.load_wasm(sha256),
        function=function.name,
        config=json.dumps(config).encode(),
        timeout_ms=limits.timeout_ms,
        max_pages=limits.max_pages,
        max_output_bytes=limits.max_output_bytes,
        max_host_calls=limits.max_host_calls,
        max_bridge_bytes=limits.max_bridge_bytes,
        fuel=limits.fuel,
        imports=wasm_store.imports(sha256),
    )


def _network(plugin: Plugin, manifest: PluginManifest) -> tuple[Rule, ...]:
    """The granted network rules. Takes a query only if the manifest asks for network access."""
    if not manifest.network:
        return ()
    granted = plugin.network_granted
    return tuple(Rule.parse(asked.url, asked.methods) for asked in manifest.network if asked.key in granted)
