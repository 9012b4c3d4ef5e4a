"""Plugins, their releases and grants; executions and their host calls; what plugins store."""

import random
import time
import uuid
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.base import ModelState
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.models import APIToken, Session
from core import access_version
from core.problems import NotFound
from plugins.bundles.manifest import NetworkKey, PluginManifest, load_manifest
from plugins.bundles.versions import precedence


@access_version.decides_access
class Plugin(models.Model):
    """An installed plugin. Calls run its active `release`, the one that was activated last."""

    slug = models.SlugField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True, help_text="A disabled plugin refuses every call.")
    release = models.ForeignKey(
        "Release",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="active release",
    )
    settings = models.JSONField(
        default=dict, blank=True, help_text="Values for the manifest's settings_schema."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def active(self) -> "Release":
        """The active release. Raises NotFound for a plugin that waits for its first consent."""
        if self.release is None:
            raise NotFound(f"The plugin “{self.slug}” has no active release.")
        return self.release

    @cached_property
    def held(self) -> frozenset[str]:
        """The permissions that administrators granted it, when this was first read.

        Includes those that only another release asks for. They have no effect until it is active.
        """
        return frozenset(grant.permission for grant in self.grants.all())

    @cached_property
    def network_held(self) -> frozenset[NetworkKey]:
        """The same for network rules."""
        return frozenset(grant.key for grant in self.network_grants.all())

    @cached_property
    def granted(self) -> frozenset[str]:
        """The permissions in effect: those that it holds and its active release asks for."""
        return self.held & cached_release(self.release_id).asks_for if self.release_id else frozenset()

    @cached_property
    def network_granted(self) -> frozenset[NetworkKey]:
        """The network rules in effect."""
        if self.release_id is None:
            return frozenset()
        return self.network_held & cached_release(self.release_id).network_asked

    @property
    def shown(self) -> "Release":
        """The active release, or else the one that waits for consent. Raises NotFound without any."""
        found = self.release or self.pending
        if found is None:
            raise NotFound(f"The plugin “{self.slug}” has no release.")
        return found

    @property
    def pending(self) -> "Release | None":
        """The latest version that was never activated, unless the active one is later."""
        waiting = self.releases.filter(activated_at=None).defer("manifest_data")
        latest = max(waiting, key=lambda release: precedence(release.version), default=None)
        if latest is None or self.release is None:
            return latest
        return latest if precedence(latest.version) >= precedence(self.release.version) else None

    @property
    def state(self) -> str:
        if self.release_id is None:
            return "waiting"
        return "enabled" if self.enabled else "disabled"


@access_version.decides_access
class Release(models.Model):
    """One version of a plugin, as it was installed. It never changes: other bytes are another release."""

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=64)
    manifest_data = models.JSONField("manifest")
    sha256 = models.CharField("SHA-256", max_length=64)
    size_bytes = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["plugin", "version"], name="release_unique_version")]

    def __str__(self) -> str:
        return f"{self.plugin.slug} {self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        cached_release.cache_clear()

    @cached_property
    def manifest(self) -> PluginManifest:
        return load_manifest(self.manifest_data)

    @property
    def asks_for(self) -> frozenset[str]:
        return frozenset(permission.operation for permission in self.manifest.permissions)

    @property
    def requires(self) -> frozenset[str]:
        """The permissions without which it does not work."""
        return frozenset(each.operation for each in self.manifest.permissions if not each.optional)

    @property
    def network_required(self) -> frozenset[NetworkKey]:
        return frozenset(rule.key for rule in self.manifest.network if not rule.optional)

    @property
    def runs_in_browsers(self) -> bool:
        """Whether it was ever activated, and has a function that may run in browsers."""
        functions = self.manifest.functions
        return self.activated_at is not None and any("browser" in each.targets for each in functions)

    @property
    def network_asked(self) -> frozenset[NetworkKey]:
        return frozenset(rule.key for rule in self.manifest.network)


@lru_cache(maxsize=256)
def cached_release(release_id: int) -> Release:
    """A release, read once per process: it never changes, and its manifest takes long to parse."""
    return Release.objects.get(pk=release_id)


@access_version.decides_access
class Grant(models.Model):
    """A permission that an administrator granted a plugin. Without a row there is no access.

    It belongs to the plugin, not to a release. It has no effect while the active release does not ask for it.
    """

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="grants")
    permission = models.CharField(max_length=64)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    granted_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["permission"]
        constraints = [models.UniqueConstraint(fields=["plugin", "permission"], name="grant_unique")]

    def __str__(self) -> str:
        return f"{self.plugin.slug}: {self.permission}"


@access_version.decides_access
class NetworkGrant(models.Model):
    """A network rule that an administrator granted a plugin, as its manifest states it."""

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="network_grants")
    url = models.CharField("URL", max_length=500)
    methods = models.CharField(max_length=64, help_text="In alphabetical order, separated by spaces.")
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    granted_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["url", "methods"]
        constraints = [
            models.UniqueConstraint(fields=["plugin", "url", "methods"], name="network_grant_unique")
        ]

    def __str__(self) -> str:
        return f"{self.plugin.slug}: {self.methods} {self.url}"

    @property
    def key(self) -> NetworkKey:
        return self.url, tuple(self.methods.split())


def new_execution_id() -> uuid.UUID:
    """A UUID that begins with the time (version 7, RFC 9562), so that rows written together are neighbours in
    the indexes. With random UUIDs, every row would touch a page of its own in each index.
    """
    milliseconds = time.time_ns() // 1_000_000
    bits = milliseconds << 80 | random.getrandbits(80)  # unique, not secret: an id gives no access
    return uuid.UUID(int=bits & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def visible_to(self, user: Any) -> "ExecutionQuerySet":
        """Every execution for staff; for others, their own."""
        return self if user.is_staff else self.filter(user=user)


class Execution(models.Model):
    """One call of a function: who called what, how it ended, and where the time went.

    Input and output are kept if they are short and the function is not sensitive; None means not kept.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        TIMED_OUT = "timed_out"
        CANCELLED = "cancelled"
        CRASHED = "crashed"

    id = models.UUIDField(primary_key=True, default=new_execution_id, editable=False)
    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="executions")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+", db_index=False)
    function = models.CharField(max_length=64)
    target = models.CharField(max_length=16, default="server")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, db_index=False
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    problem = models.JSONField(null=True, blank=True)
    input_bytes = models.PositiveIntegerField(default=0)
    output_bytes = models.PositiveIntegerField(default=0)
    input = models.BinaryField(null=True, blank=True)
    output = models.BinaryField(null=True, blank=True)
    logs = models.JSONField(default=list, blank=True, help_text="Pairs of level and text.")
    server = models.CharField(
        max_length=32, blank=True, editable=False, help_text="The server process that runs the execution."
    )
    cancel_requested = models.BooleanField(
        default=False,
        editable=False,
        help_text="Asks the server process that runs the execution to cancel it.",
    )
    queue_ms = models.FloatField(null=True, blank=True)
    start_ms = models.FloatField(null=True, blank=True)
    run_ms = models.FloatField(null=True, blank=True)
    host_ms = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="execution_latest"),
            models.Index(fields=["user", "-created_at"], name="execution_of_user"),
            models.Index(fields=["server"], condition=models.Q(finished_at=None), name="execution_going_on"),
        ]

    def __str__(self) -> str:
        return f"{self.plugin.slug} · {self.function} ({self.state})"

    def another(self, **values: Any) -> "Execution":
        """A new execution with this one's columns, except for `values`.

        The constructor takes five times as long, as much as everything else before a call.
        """
        new = Execution.__new__(Execution)
        state = ModelState()
        state.fields_cache = self._state.fields_cache.copy()
        new.__dict__ = self.__dict__ | values | {"_state": state, "id": new_execution_id()}
        return new

    def event_data(self) -> dict[str, Any]:
        """The execution as events and lists show it, without input and output."""
        timing = None
        if self.run_ms is not None:
            timing = {
                "queue_ms": round(self.queue_ms or 0.0, 3),
                "start_ms": round(self.start_ms or 0.0, 3),
                "run_ms": round(self.run_ms, 3),
                "host_ms": round(self.host_ms or 0.0, 3),
            }
        user = self.user
        return {
            "id": str(self.pk),
            "plugin": self.plugin.slug,
            "function": self.function,
            "target": self.target,
            "state": str(self.state),
            "user": {"id": str(user.pk), "name": user.name, "email": user.email} if user else None,
            "problem": self.problem,
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "timing": timing,
            "created_at": self.created_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }


class HostCall(models.Model):
    """The audit log: a host call by an execution or with an API token, without bodies and secrets."""

    execution = models.ForeignKey(
        Execution, null=True, blank=True, on_delete=models.CASCADE, related_name="host_calls"
    )
    api_token = models.ForeignKey("accounts.APIToken", null=True, blank=True, on_delete=models.SET_NULL)
    operation = models.CharField(
        max_length=64, blank=True, help_text="Empty if no operation has the requested address."
    )
    subject = models.CharField(max_length=200, blank=True, help_text="The id or key of the object concerned.")
    status = models.PositiveSmallIntegerField()
    duration_ms = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.operation or 'unknown'}: {self.status}"


class PluginWatch(models.Model):
    """A user's subscription to a plugin's notifications."""

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="watchers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plugin", "user"], name="watch_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} watches {self.plugin.slug}"


class KVQuerySet(models.QuerySet["KVEntry"]):
    def live(self) -> "KVQuerySet":
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now()))

    def expired(self) -> "KVQuerySet":
        return self.filter(expires_at__lte=timezone.now())


class KVEntry(models.Model):
    """One value in a plugin's own store. The rules are in plugins.host.kv."""

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="kv_entries")
    key = models.CharField(max_length=200)
    value = models.JSONField(null=True)
    version = models.BigIntegerField()
    size_bytes = models.PositiveIntegerField()
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = KVQuerySet.as_manager()

    class Meta:
        verbose_name = "stored value"
        constraints = [models.UniqueConstraint(fields=["plugin", "key"], name="kv_key_unique")]

    def __str__(self) -> str:
        return f"{self.plugin.slug}: {self.key}"


class ExecutionToken(models.Model):
    """A browser run's credential for the host API: bound to its execution, valid for minutes, stored hashed.

    It is deleted with the session or API token that began the run, so a log-out leaves no credential behind.
    """

    PREFIX = "hbx"

    execution = models.OneToOneField(Execution, on_delete=models.CASCADE, related_name="token")
    session = models.ForeignKey(Session, null=True, on_delete=models.CASCADE, related_name="+")
    api_token = models.ForeignKey(APIToken, null=True, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    operations = models.JSONField(default=list)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"token of {self.execution_id}"
