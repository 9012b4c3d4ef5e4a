"""Keeps the auth provider serving, so that nobody can lock everybody out from within the app.

The auth provider is the plugin that people log in with (`AUTH_PLUGIN`). The operator chooses it. It can be
replaced by another release that serves, but not be stopped.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from django.conf import settings

from core.problems import Problem
from plugins.bundles.manifest import NetworkKey
from plugins.models import Plugin, Release
from plugins.registry.readiness import missing_grants, missing_settings

# What /api/v1/auth calls.
FUNCTIONS = (
    "signup", "login", "verify_session", "logout", "request_email_verification", "verify_email",
    "request_password_reset", "reset_password", "change_password",
)  # fmt: skip


class AuthProviderNeeded(Problem):
    status = 409
    code = "auth-provider-needed"
    title = "People log in with this plugin"


def check_disabling(plugin: Plugin) -> None:
    """Raises AuthProviderNeeded if this is the auth provider."""
    if plugin.slug == settings.AUTH_PLUGIN:
        raise AuthProviderNeeded(
            f"Nobody could log in without “{plugin.slug}”, so it cannot be disabled. To use another plugin "
            "instead, the operator sets AUTH_PLUGIN."
        )


def check_revoking(plugin: Plugin, lost: Iterable[str]) -> None:
    """Raises AuthProviderNeeded if the auth provider needs one of these grants.

    `lost` has names as `missing_grants` returns them.
    """
    if plugin.slug != settings.AUTH_PLUGIN or plugin.release is None:
        return
    if needed := sorted(set(missing_grants(plugin.release)) & set(lost)):
        raise AuthProviderNeeded(
            f"Nobody could log in if “{plugin.slug}” lost {', '.join(needed)}. Only grants that its manifest "
            "marks as optional can be revoked."
        )


def check_activation(
    release: Release, permissions: AbstractSet[str], network: AbstractSet[NetworkKey]
) -> None:
    """Raises AuthProviderNeeded if the auth provider could not serve with this release and these grants."""
    if release.plugin.slug != settings.AUTH_PLUGIN:
        return
    if not can_provide(release):
        raise AuthProviderNeeded(
            f"Nobody could log in with {release}: it must have these functions, with access “public”: "
            f"{', '.join(FUNCTIONS)}."
        )
    if missing := missing_grants(release, permissions, network):
        raise AuthProviderNeeded(
            f"Nobody could log in with {release} without {', '.join(missing)}. Grant these too."
        )


def check_settings(plugin: Plugin) -> None:
    """Raises AuthProviderNeeded if the auth provider lacks a setting that its active release requires."""
    if plugin.slug != settings.AUTH_PLUGIN:
        return
    if missing := missing_settings(plugin.active.manifest, plugin.settings):
        raise AuthProviderNeeded(
            f"Nobody could log in with {plugin.active} without the settings {', '.join(missing)}."
        )


def can_provide(release: Release) -> bool:
    """Whether the release has the functions of an auth provider."""
    public = {function.name for function in release.manifest.functions if function.access == "public"}
    return public.issuperset(FUNCTIONS)
