"""Accounts in the Django admin. Secrets are never shown, not even hashed."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest

from accounts.models import EmailVerificationToken, PasswordResetToken, Session, User

admin.site.site_header = admin.site.site_title = "Hostbridge administration"
admin.site.index_title = "Accounts and plugins"


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg] # is not generic at run time
    ordering = ("-created_at",)
    list_display = ("email", "name", "email_verified", "is_active", "is_staff", "created_at", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "email_verified", "created_at")
    search_fields = ("email", "name", "id")
    readonly_fields = ("id", "created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("id", "email", "password")}),
        ("Person", {"fields": ("name", "profile", "email_verified")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")},
        ),
    )


class LiveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "live":
                return queryset.live()
            case "expired":
                return queryset.expired()
        return queryset


class SecretAdmin(admin.ModelAdmin[Any]):
    """Rows of secrets can be looked at and removed; only the services make them."""

    list_filter: ClassVar[Any] = (LiveFilter, "created_at")
    search_fields = ("user__email", "user__name", "id")
    list_select_related = ("user",)
    exclude = ("token_hash",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(SecretAdmin):
    list_display = ("id", "user", "created_at", "expires_at", "ip_address", "user_agent")


@admin.register(EmailVerificationToken, PasswordResetToken)
class SingleUseSecretAdmin(SecretAdmin):
    list_display = ("id", "user", "created_at", "expires_at", "used_at")
    list_filter: ClassVar[Any] = (LiveFilter, "created_at", ("used_at", admin.EmptyFieldListFilter))
