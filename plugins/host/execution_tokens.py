"""Execution tokens: what a run in a browser shows the host API.

The user controls what runs in their browser, so the token must give them no more than they have already. It
is bound to one run, lasts for minutes, and allows only those of the plugin's granted operations that work on
the user's own data.
"""

from itertools import islice
from typing import cast

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from core.prepared_query import PreparedQuery, columns, instance
from core.problems import NotAuthenticated
from core.secrets import hash_token
from plugins.bundles.manifest import Function
from plugins.history.call_limits import CallLimits, limits_of
from plugins.history.outcomes import PluginHostCallLimit
from plugins.host.caller import Caller
from plugins.models import Execution, ExecutionToken, HostCall, Plugin, cached_release

State = Execution.State
_UNKNOWN = "The token is unknown or expired, or its run or session has ended."
_PARTS = (
    (ExecutionToken, ""),
    (Execution, "execution__"),
    (Plugin, "execution__plugin__"),
    (User, "execution__user__"),
)
_HOST_CALLS = (
    HostCall.objects.order_by()
    .filter(execution=OuterRef("execution"))
    .values("execution")
    .annotate(number=Count("pk"))
    .values("number")
)
# One row for each grant, or one with None. Every host call from a browser runs this query.
_RUN_OF_TOKEN = PreparedQuery(
    lambda token_hash: (
        ExecutionToken.objects.order_by()
        .filter(token_hash=token_hash, execution__state=State.RUNNING)
        .values_list(
            *(name for model, prefix in _PARTS for name in columns(model, prefix)),
            Coalesce(Subquery(_HOST_CALLS), 0),
            "execution__plugin__grants__permission",
        )
    )
)


def caller_of(token: str) -> Caller:
    """The caller that this token stands for, while its run goes on.

    Grants are looked up anew, so a revoked one no longer counts. Raises NotAuthenticated, and
    PluginHostCallLimit for a browser that ignores the limits it was given.
    """
    execution, host_calls = _run_and_host_calls(token)
    plugin = execution.plugin
    if execution.user is None or not execution.user.is_active or not plugin.enabled:
        raise NotAuthenticated("The user or the plugin of this run has been disabled or removed.")
    allowed = limits_of_run(execution).max_host_calls
    if host_calls >= allowed:
        raise PluginHostCallLimit(f"A call may make {allowed} host calls (max_host_calls in its manifest).")
    granted = frozenset(execution.token.operations) & plugin.granted
    return Caller(
        granted=granted,
        plugin=plugin.slug,
        execution_id=execution.pk,
        own_data_of=execution.user,
        withheld=plugin.granted - granted,
    )


def running_with(token: str) -> Execution:
    """The run of this token, with its plugin, grants and user as they are now. Raises NotAuthenticated."""
    return _run_and_host_calls(token)[0]


def _run_and_host_calls(token: str) -> tuple[Execution, int]:
    """The run and the number of its host calls, except for the latest ones that are not written yet."""
    found = _RUN_OF_TOKEN.one_with_many(hash_token(token))
    if found is None:
        raise NotAuthenticated(_UNKNOWN)
    row, permissions = found
    values = iter(row)
    token_row, execution, plugin, user = (
        instance(model, list(islice(values, len(columns(model))))) for model, _ in _PARTS
    )
    if token_row.expires_at <= timezone.now():
        raise NotAuthenticated(_UNKNOWN)
    host_calls = next(values)
    plugin.held = frozenset(permissions)
    execution.token, execution.plugin = token_row, plugin
    execution.release = cached_release(execution.release_id)
    execution.user = user if execution.user_id else None
    return cast(Execution, execution), cast(int, host_calls)


def limits_of_run(execution: Execution) -> CallLimits:
    return limits_of(execution.release.manifest, function_of(execution))


def function_of(execution: Execution) -> Function:
    function = execution.release.manifest.function(execution.function)
    if function is None:
        raise RuntimeError("The run's function is missing from its release, and releases never change.")
    return function
