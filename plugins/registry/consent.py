"""Consent: activates releases, and grants and revokes permissions and network rules."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core.problems import InvalidInput
from plugins.bundles.manifest import NetworkKey
from plugins.models import Grant, NetworkGrant, Plugin, Release
from plugins.registry import auth_provider
from plugins.registry.changes import lock, publish_change
from plugins.registry.configuration import set_settings
from plugins.registry.readiness import rule_name


def default_grants(
    plugin: Plugin, release: Release, *, preapproved: bool = False
) -> tuple[frozenset[str], frozenset[NetworkKey]]:
    """The permissions and network rules that the release gets when nobody chooses any.

    It keeps what the plugin holds, as far as the release asks for it. A `preapproved` release also gets every
    permission that it does not mark as optional.
    """
    permissions = plugin.held & release.asks_for
    if preapproved:
        permissions |= release.requires
    return permissions, plugin.network_held & release.network_asked


def activate(
    release: Release,
    permissions: Iterable[str] | None = None,
    network: Iterable[NetworkKey] | None = None,
    *,
    settings: dict[str, Any] | None = None,
    by: User | None = None,
) -> None:
    """Makes this the active release, with exactly these grants. It may be an earlier one.

    None means those of `default_grants`. Grants that this release does not ask for stay, without effect, for
    a release that does. `settings` replace the plugin's, as `configuration.set_settings` does. Takes effect
    with the next call. Raises InvalidInput for a grant that the release does not ask for, InvalidSettings,
    and AuthProviderNeeded if nobody could log in then.
    """
    with transaction.atomic():
        plugin = Plugin.objects.select_for_update().get(pk=release.plugin_id)
        default_permissions, default_network = default_grants(plugin, release)
        chosen = default_permissions if permissions is None else frozenset(permissions)
        chosen_network = default_network if network is None else frozenset(network)
        auth_provider.check_activation(release, chosen, chosen_network)
        plugin.release = release
        plugin.save(update_fields=["release"])
        release.activated_at = timezone.now()
        release.save(update_fields=["activated_at"])
        if settings is not None:
            set_settings(plugin, settings)
        auth_provider.check_settings(plugin)
        set_grants(plugin, chosen, chosen_network, by=by)


def set_grants(
    plugin: Plugin,
    permissions: Iterable[str] | None = None,
    network: Iterable[NetworkKey] | None = None,
    *,
    by: User | None = None,
) -> None:
    """Gives the plugin exactly these permissions and network rules. None leaves them as they are.

    Concerns only what the active release asks for; what only other releases ask for stays as it is. Takes
    effect with the next call. Raises InvalidInput for a grant that the active release does not ask for, and
    AuthProviderNeeded for taking back what people need to log in.
    """
    with transaction.atomic():
        lock(plugin)
        if permissions is not None:
            _set_permissions(plugin, set(permissions), by)
        if network is not None:
            _set_network(plugin, set(network), by)
        publish_change(plugin)


def _set_permissions(plugin: Plugin, wanted: set[str], by: User | None) -> None:
    asked = plugin.active.asks_for
    if unasked := sorted(wanted - asked):
        raise InvalidInput.at("/grants", f"{plugin.slug} does not ask for {', '.join(unasked)}.")
    held = set(plugin.grants.values_list("permission", flat=True))
    auth_provider.check_revoking(plugin, held - wanted)
    plugin.grants.filter(permission__in=asked - wanted).delete()
    Grant.objects.bulk_create(
        Grant(plugin=plugin, permission=permission, granted_by=by) for permission in sorted(wanted - held)
    )


def _set_network(plugin: Plugin, wanted: set[NetworkKey], by: User | None) -> None:
    asked = plugin.active.network_asked
    if unasked := sorted(wanted - asked):
        url, methods = unasked[0]
        raise InvalidInput.at(
            "/network_grants", f"{plugin.slug} does not ask for {', '.join(methods)} {url}."
        )
    held = {row.key: row for row in plugin.network_grants.all()}
    lost = held.keys() & asked - wanted
    auth_provider.check_revoking(plugin, map(rule_name, lost))
    plugin.network_grants.filter(pk__in=[held[key].pk for key in lost]).delete()
    NetworkGrant.objects.bulk_create(
        NetworkGrant(plugin=plugin, url=url, methods=" ".join(methods), granted_by=by)
        for url, methods in sorted(wanted - held.keys())
    )


def grant(plugin: Plugin, permissions: Iterable[str], *, by: User | None = None) -> None:
    """Adds grants. Raises InvalidInput for one that the active release does not ask for."""
    with transaction.atomic():
        lock(plugin)
        held = set(plugin.grants.values_list("permission", flat=True))
        set_grants(plugin, held & plugin.active.asks_for | set(permissions), by=by)


def revoke(plugin: Plugin, permissions: Iterable[str]) -> None:
    """Takes grants back, with effect from the next call. Also those that only another release asks for.

    Raises AuthProviderNeeded for what people need to log in.
    """
    revoked = set(permissions)
    with transaction.atomic():
        lock(plugin)
        auth_provider.check_revoking(plugin, revoked)
        plugin.grants.filter(permission__in=revoked).delete()
        publish_change(plugin)
