"""Users, their sessions and their tokens. Work on several rows is in users.py, sessions.py and the like."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.email_addresses import normalise_email
from core import access_version, events
from core.secrets import hash_token, new_token

MAX_USER_AGENT = 256  # characters; the client chooses the text, so the rest is cut off


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=normalise_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normalise_email(username or ""))

    def owners(self) -> "models.QuerySet[User]":
        """Those who can administer the whole server."""
        return self.filter(is_superuser=True, is_active=True)


@dataclass(frozen=True)
class Kept:
    """What survives a change of password."""

    session_id: uuid.UUID | None = None
    api_tokens: bool = False


@access_version.decides_access
class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account. E-mail addresses are unique in all their spellings (`normalise_email`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail", max_length=254, unique=True)
    name = models.CharField(max_length=150)
    profile = models.JSONField(default=dict, blank=True, help_text="A JSON object with any details.")
    email_verified = models.BooleanField("e-mail verified", default=False)
    is_active = models.BooleanField("active", default=True, help_text="Clear this to disable the account.")
    is_staff = models.BooleanField("staff", default=False, help_text="Can use the admin and manage plugins.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    ended_api_tokens = 0  # how many API tokens saving this instance has ended; not stored

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            # `unique` above speeds up look-ups of the normalised form. This one holds even for raw SQL.
            models.UniqueConstraint(Lower("email"), name="user_email_unique_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = normalise_email(self.email)
        stays_owner = self.is_superuser and self.is_active
        if not stays_owner and list(User.objects.owners().values_list("pk", flat=True)) == [self.pk]:
            raise ValidationError("This is the only owner's account. First make another user a superuser.")

    def save(self, *args: Any, keep: "Kept | None" = None, **kwargs: Any) -> None:
        """Also ends the access that must not survive the change, whichever code makes it.

        A new password ends what the old one may have opened, except for `keep`.
        """
        self.email = normalise_email(self.email)
        with transaction.atomic():
            changed = self._changed(kwargs.get("update_fields"))
            super().save(*args, **kwargs)
            if not self.is_active:
                # All of this is refused anyway, but would work again when the user is enabled.
                self._end_access(Kept())
                EmailVerificationToken.objects.filter(user=self).delete()
            elif "password" in changed:
                self._end_access(keep or Kept())
            if "is_staff" in changed and not self.is_staff:
                # The live feed of a demoted user may still be receiving events for staff.
                Session.objects.filter(user=self).end()

    def check_password(self, raw_password: str | None) -> bool:
        """Rehashes an old hash, if need be. That is no new password, so it ends nothing."""

        def rehash(password: str) -> None:
            old, self.password = self.password, make_password(password)
            User.objects.filter(pk=self.pk, password=old).update(password=self.password)

        return check_password(raw_password, self.password, rehash)

    def _changed(self, update_fields: Iterable[str] | None) -> set[str]:
        """Which of `password` and `is_staff` this save will change in the database."""
        fields = {"password", "is_staff"} - self.get_deferred_fields()
        fields &= fields if update_fields is None else set(update_fields)
        if self._state.adding or not fields:
            return set()
        stored = User.objects.filter(pk=self.pk).order_by().values(*fields).first() or {}
        return {field for field, value in stored.items() if value != getattr(self, field)}

    def _end_access(self, keep: "Kept") -> None:
        Session.objects.filter(user=self).exclude(pk=keep.session_id).end()
        PasswordResetToken.objects.filter(user=self).delete()
        if not keep.api_tokens:
            self.ended_api_tokens += APIToken.objects.filter(user=self).end()

    @property
    def is_last_owner(self) -> bool:
        """Whether nobody could administer the server without this account."""
        return self.is_superuser and not User.objects.owners().exclude(pk=self.pk).exists()


class SecretQuerySet(models.QuerySet[Any]):
    def live(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def expired(self) -> Self:
        return self.filter(expires_at__lte=timezone.now())

    def for_token(self, token: str) -> Self:
        return self.filter(token_hash=hash_token(token))


class Secret(models.Model):
    """Base of all bearer secrets: an owner, the hash of the secret, an expiry time."""

    prefix: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="%(class)ss")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[Any] = SecretQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} of {self.user}"

    @classmethod
    def issue(cls, user: User, ttl_seconds: int, **fields: Any) -> tuple[Self, str]:
        """A new row and its secret. The secret itself is stored nowhere."""
        token = new_token(cls.prefix)
        expires_at = timezone.now() + timedelta(seconds=ttl_seconds)
        row = cls(user=user, token_hash=hash_token(token), expires_at=expires_at, **fields)
        row.save(force_insert=True)
        return row, token


class SessionQuerySet(SecretQuerySet):
    def end(self) -> int:
        """Deletes these sessions and publishes an event for each. Returns how many there were."""
        with transaction.atomic():
            ended: list[Session] = list(self.select_for_update(of=("self",)))
            self.delete()
            for session in ended:
                events.publish("session.ended", session.event_data(), to_users=[session.user_id])
        return len(ended)


@access_version.decides_access
class Session(Secret):
    """A log-in: its token authenticates the user until the session expires."""

    prefix = "hbs"

    user_agent = models.CharField(max_length=MAX_USER_AGENT, blank=True)
    ip_address = models.GenericIPAddressField("IP address", null=True, blank=True)

    objects: ClassVar[Any] = SessionQuerySet.as_manager()

    def event_data(self) -> dict[str, Any]:
        """The session as it appears in events, without the token and the IP address."""
        return {
            "id": str(self.pk),
            "user_id": str(self.user_id),
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }


class SingleUseSecret(Secret):
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta(Secret.Meta):
        abstract = True

    @classmethod
    def use(cls, token: str) -> Self | None:
        """Marks the secret as used and returns its row; None if it is unknown, used or expired.

        A single UPDATE decides, so of any number of concurrent callers only one gets the row.
        """
        now = timezone.now()
        # The owner is matched by a subquery. With a join, Django would put all conditions into `id IN (…)`.
        # PostgreSQL does not evaluate that again after waiting for the row: a second caller would succeed.
        active = User.objects.filter(is_active=True).values("pk")
        usable = cls.objects.for_token(token).filter(used_at=None, expires_at__gt=now, user__in=active)
        if usable.update(used_at=now) != 1:
            return None
        found: Self = cls.objects.for_token(token).select_related("user").get()
        return found


class EmailVerificationToken(SingleUseSecret):
    prefix = "hbv"


class PasswordResetToken(SingleUseSecret):
    prefix = "hbr"


class APITokenQuerySet(SecretQuerySet):
    def end(self) -> int:
        """Deletes these tokens and what they started, with an event for each. Returns how many there were."""
        with transaction.atomic():
            # Locked, because a row that refers to a token and is added now would make the deletion fail.
            ended: list[APIToken] = list(self.select_for_update(of=("self",)))
            self.delete()
            for token in ended:
                events.publish("token.ended", token.event_data(), to_users=[token.user_id])
        return len(ended)


@access_version.decides_access
class APIToken(Secret):
    """A token for a program. Its scopes are `api` (the public API as its owner) and host API operations.

    With a plugin's slug it is a service token of that plugin: operations on a plugin's own data use that
    plugin's.
    """

    prefix = "hba"

    name = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    plugin = models.CharField(max_length=64, blank=True, help_text="Slug of the plugin, for a service token.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[Any] = APITokenQuerySet.as_manager()

    class Meta(Secret.Meta):
        verbose_name = "API token"

    def event_data(self) -> dict[str, Any]:
        """The token as it appears in events, without its secret."""
        return {"id": str(self.pk), "user_id": str(self.user_id), "name": self.name}


class SentEmail(models.Model):
    """Records that a user was sent an e-mail, to limit how many they get. Stores no address and no text."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sent_emails")
    template = models.CharField(max_length=32)
    sent_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.template} to {self.user_id}"


class AttemptCount(models.Model):
    """A counter of recent attempts. See accounts.rate_limits."""

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    attempts = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True, help_text="When the count starts again from zero.")

    def __str__(self) -> str:
        return f"{self.attempts} until {self.ends_at:%H:%M:%S}"


class OwnerSetupCode(models.Model):
    """The one-time code printed on the console, with which the owner's account is created."""

    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"set-up code of {self.created_at:%Y-%m-%d}"
