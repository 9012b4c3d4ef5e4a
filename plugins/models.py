"""Plugins, their releases and grants, and the record of what ran."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.problems import NotFound
from plugins.manifest import PluginManifest, load_manifest


class Plugin(models.Model):
    """An installed plugin. It serves its `release`, the one that was activated last."""

    slug = models.SlugField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True, help_text="A disabled plugin answers no call.")
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
        """The release that serves. Only a plugin half-way through its installation has none."""
        if self.release is None:
            raise NotFound(f"The plugin “{self.slug}” has no active release.")
        return self.release

    @property
    def granted(self) -> frozenset[str]:
        return frozenset(grant.permission for grant in self.grants.all())


class Release(models.Model):
    """One version of a plugin, as it was installed. Never changed: other bytes are another release."""

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=64)
    manifest_data = models.JSONField("manifest")
    sha256 = models.CharField("SHA-256", max_length=64)
    size_bytes = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["plugin", "version"], name="release_unique_version")]

    def __str__(self) -> str:
        return f"{self.plugin.slug} {self.version}"

    @cached_property
    def manifest(self) -> PluginManifest:
        return load_manifest(self.manifest_data)


class Grant(models.Model):
    """A permission that an administrator gave a plugin. Without a row there is no access."""

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="grants")
    permission = models.CharField(max_length=64)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    granted_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["permission"]
        constraints = [models.UniqueConstraint(fields=["plugin", "permission"], name="grant_unique")]

    def __str__(self) -> str:
        return f"{self.plugin.slug}: {self.permission}"


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def visible_to(self, user: Any) -> "ExecutionQuerySet":
        """Staff see every execution, others their own."""
        return self if user.is_staff else self.filter(user=user)


class Execution(models.Model):
    """One call of a function: who, what, how it ended, where the time went. Neither input nor output."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        TIMED_OUT = "timed_out"
        CANCELLED = "cancelled"
        CRASHED = "crashed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="executions")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+")
    function = models.CharField(max_length=64)
    target = models.CharField(max_length=16, default="server")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    problem = models.JSONField(null=True, blank=True)
    input_bytes = models.PositiveIntegerField(default=0)
    output_bytes = models.PositiveIntegerField(default=0)
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
            models.Index(fields=["state"], name="execution_state"),
        ]

    def __str__(self) -> str:
        return f"{self.plugin.slug} · {self.function} ({self.state})"


class HostCall(models.Model):
    """The audit log: what an execution asked of the host. No body and no secret is kept."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="host_calls")
    operation = models.CharField(
        max_length=64, blank=True, help_text="Empty if no operation has that address."
    )
    subject = models.CharField(max_length=64, blank=True, help_text="The id of what it was about.")
    status = models.PositiveSmallIntegerField()
    duration_ms = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.operation or 'unknown'}: {self.status}"
