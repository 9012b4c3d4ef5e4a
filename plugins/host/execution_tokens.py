"""The tokens of runs in a browser, and what they are worth.

What runs in a browser is in the visitor's hands. So its token is worth no more than the visitor: the plugin's
granted operations, of those the ones on the visitor's own data, for minutes, for this run.
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
from plugins.history.limits import CallLimits, limits_of
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
# A row for each grant, or one with None. On the path of every host call from a browser.
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
    """The run that this token speaks for, if it is still going on.

    Grants are looked up now: what was revoked meanwhile is gone. Raises NotAuthenticated, and
    PluginHostCallLimit, which a browser that keeps to its bounds never gets to see.
    """
    execution, asked = _run_and_host_calls(token)
    plugin = execution.plugin
    if execution.user is None or not execution.user.is_active or not plugin.enabled:
        raise NotAuthenticated("This run may do nothing any more.")
    most = limits_of_run(execution).max_host_calls
    if asked >= most:
        raise PluginHostCallLimit(f"A call may ask {most} times (max_host_calls in its manifest).")
    granted = frozenset(execution.token.operations) & plugin.granted
    return Caller(
        granted=granted,
        plugin=plugin.slug,
        execution_id=execution.pk,
        own_data_of=execution.user,
        withheld=plugin.granted - granted,
    )


def running_with(token: str) -> Execution:
    """The run, its plugin, grants and user as they are now. Raises NotAuthenticated."""
    return _run_and_host_calls(token)[0]


def _run_and_host_calls(token: str) -> tuple[Execution, int]:
    """Also how often it asked the host, as far as that is written; the latest may be missing for a moment."""
    found = _RUN_OF_TOKEN.one_with_many(hash_token(token))
    if found is None:
        raise NotAuthenticated(_UNKNOWN)
    row, permissions = found
    values = iter(row)
    known, execution, plugin, user = (
        instance(model, list(islice(values, len(columns(model))))) for model, _ in _PARTS
    )
    if known.expires_at <= timezone.now():
        raise NotAuthenticated(_UNKNOWN)
    asked = next(values)
    plugin.granted = frozenset(permissions)
    execution.token, execution.plugin = known, plugin
    execution.release = cached_release(execution.release_id)
    execution.user = user if execution.user_id else None
    return cast(Execution, execution), cast(int, asked)


def limits_of_run(execution: Execution) -> CallLimits:
    return limits_of(execution.release.manifest, function_of(execution))


def function_of(execution: Execution) -> Function:
    function = execution.release.manifest.function(execution.function)
    if function is None:
        raise RuntimeError("A release never changes, and this one had the function when the run began.")
    return function
