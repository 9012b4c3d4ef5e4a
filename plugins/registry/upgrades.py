"""What a release would gain over the active one. It gains nothing without an administrator's consent."""

from plugins.bundles.manifest import Function, PluginManifest
from plugins.models import Release

# Who may call a function, from the fewest to the most.
_CALLERS = {
    "staff": "administrators",
    "user": "anyone who is logged in",
    "public": "anyone, even without logging in",
}
_RANKS = {access: rank for rank, access in enumerate(_CALLERS)}


def asks_for_more(new: Release, old: Release) -> bool:
    """Whether `new` asks for a grant that `old` does not ask for, or widens what `old` allows."""
    within = new.asks_for <= old.asks_for and new.network_asked <= old.network_asked
    return not within or bool(widens(new.manifest, old.manifest))


def widens(new: PluginManifest, old: PluginManifest) -> list[str]:
    """What `new` would allow beyond its grants, one sentence each.

    Covers who may call a function, which functions may run in browsers, and what would no longer be secret.
    """
    found = []
    for function in new.functions:
        earlier = old.function(function.name)
        found += _gains_of_new(function, old) if earlier is None else _gains(earlier, function)
    known = new.settings_schema.get("properties", {})
    found += [
        f"The setting “{name}” would no longer be secret. Administrators, and browsers that run the plugin, "
        "could read it."
        for name in old.secret_settings
        if name in known and name not in new.secret_settings
    ]
    return found


def _gains(old: Function, new: Function) -> list[str]:
    """What a function gains over itself in the old release."""
    found = []
    if _RANKS[new.access] > _RANKS[old.access]:
        callers = f"{_CALLERS[new.access]} (now: {_CALLERS[old.access]})"
        found.append(f"“{new.name}” could be called by {callers}.")
    if "browser" in new.targets and "browser" not in old.targets:
        found.append(f"“{new.name}” could run in its caller's browser.")
    if old.sensitive and not new.sensitive:
        found.append(f"The history would keep the input and output of “{new.name}”.")
    return found


def _gains_of_new(new: Function, old: PluginManifest) -> list[str]:
    """What a new function gains over every function of the old release."""
    found = []
    if _RANKS[new.access] > max(_RANKS[function.access] for function in old.functions):
        found.append(f"The new function “{new.name}” could be called by {_CALLERS[new.access]}.")
    if "browser" in new.targets and not any("browser" in function.targets for function in old.functions):
        found.append(f"The new function “{new.name}” could run in its caller's browser.")
    return found
