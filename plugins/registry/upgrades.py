"""What a release would gain over the one that serves: nothing of it without an administrator's consent."""

from plugins.bundles.manifest import Function, PluginManifest
from plugins.models import Release

# Who may call a function, the fewest first.
_CALLERS = {
    "staff": "administrators",
    "user": "everybody who is logged in",
    "public": "everybody, also without logging in",
}
_RANKS = {access: rank for rank, access in enumerate(_CALLERS)}


def asks_for_more(new: Release, old: Release) -> bool:
    """Whether `new` could do anything, once granted, that `old` did not ask for, or more could reach it."""
    within = new.asks_for <= old.asks_for and new.network_asked <= old.network_asked
    return not within or bool(widens(new.manifest, old.manifest))


def widens(new: PluginManifest, old: PluginManifest) -> list[str]:
    """What else would become possible, a sentence each: who may call what, what may run in browsers, what
    would no longer be secret.
    """
    found = []
    for function in new.functions:
        before = old.function(function.name)
        found += _in_general(function, old) if before is None else _beside(before, function)
    known = new.settings_schema.get("properties", {})
    found += [
        f"The setting “{name}” would no longer be secret: administrators could read it, and browsers that "
        "run the plugin."
        for name in old.secret_settings
        if name in known and name not in new.secret_settings
    ]
    return found


def _beside(before: Function, now: Function) -> list[str]:
    """What a function gains over itself."""
    found = []
    if _RANKS[now.access] > _RANKS[before.access]:
        callers = f"{_CALLERS[now.access]}; until now, by {_CALLERS[before.access]}"
        found.append(f"“{now.name}” could be called by {callers}.")
    if "browser" in now.targets and "browser" not in before.targets:
        found.append(f"“{now.name}” could run in its caller's browser.")
    if before.sensitive and not now.sensitive:
        found.append(f"What goes in and out of “{now.name}” would be kept in the history.")
    return found


def _in_general(now: Function, old: PluginManifest) -> list[str]:
    """What a new function gains over all that there were."""
    found = []
    if _RANKS[now.access] > max(_RANKS[function.access] for function in old.functions):
        found.append(f"“{now.name}”, which is new, could be called by {_CALLERS[now.access]}.")
    if "browser" in now.targets and not any("browser" in function.targets for function in old.functions):
        found.append(f"“{now.name}”, which is new, could run in its caller's browser.")
    return found
