"""Accounts in the Django admin. No page shows a secret, not even its hash."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.forms import AdminPasswordChangeForm as AdminOwnPasswordChangeForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy

from accounts import rate_limits, users
from accounts.authentication import client_address
from accounts.models import APIToken, EmailVerificationToken, PasswordResetToken, Session, User
from core.problems import RateLimited

admin.site.site_header = admin.site.site_title = "Hostbridge administration"
admin.site.index_title = "Accounts and plugins"


class LogInForm(AdminAuthenticationForm):
    """Limits attempts, as the public API does."""

    def clean(self) -> dict[str, Any]:
        address = client_address(self.request) if self.request else None
        try:
            attempt = rate_limits.count_attempt(address, self.cleaned_data.get("username") or "")
        except RateLimited as problem:
            raise ValidationError(problem.detail) from problem
        data: dict[str, Any] = super().clean()
        attempt.refund()
        return data


admin.site.login_form = LogInForm


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """Limits attempts at the old password."""

    def __init__(self, *args: Any, address: str | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.address = address

    def clean_old_password(self) -> str:
        try:
            attempt = rate_limits.count_attempt(self.address, self.user.email)
        except RateLimited as problem:
            raise ValidationError(problem.detail) from problem
        password: str = super().clean_old_password()
        attempt.refund()
        return password


class OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"address": client_address(self.request)}

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        if ended := form.user.ended_api_tokens:
            messages.warning(self.request, f"Your API tokens ended with your old password: {ended}.")
        return response


def change_own_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
    context = {**admin.site.each_context(request), **(extra_context or {})}
    return OwnPasswordView.as_view(extra_context=context)(request)


admin.site.password_change = change_own_password  # type: ignore[method-assign]


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

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Refuses on the confirmation page already to delete the last owner."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        others = User.objects.owners().exclude(pk__in=[user.pk for user in objs])
        if any(user.is_superuser for user in objs) and not others.exists():
            protected = [*protected, "the only owner's account: first make another user a superuser"]
        return to_delete, counts, perms_needed, protected

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if change and "email" in form.changed_data:
                users.delete_emailed_tokens(obj)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        users.delete_user(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for user in queryset:
                users.delete_user(user.pk)


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
    """Secrets can be viewed and deleted here, but not created or changed."""

    list_filter: ClassVar[Any] = (LiveFilter, "created_at")
    search_fields: ClassVar[Any] = ("user__email", "user__name", "id")
    list_select_related = ("user",)
    exclude = ("token_hash",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # The list accepts look-ups on any field in its query string: with `token_hash__startswith`, the hash
        # could be found out character by character.
        return not lookup.startswith("token_hash") and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(SecretAdmin):
    list_display = ("id", "user", "created_at", "expires_at", "ip_address", "user_agent")

    def delete_model(self, request: HttpRequest, obj: Session) -> None:
        Session.objects.filter(pk=obj.pk).end()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        queryset.end()


@admin.register(APIToken)
class APITokenAdmin(SecretAdmin):
    list_display = ("name", "user", "plugin", "scopes", "created_at", "expires_at", "last_used_at")
    search_fields: ClassVar[Any] = ("name", "plugin", *SecretAdmin.search_fields)

    def delete_model(self, request: HttpRequest, obj: APIToken) -> None:
        APIToken.objects.filter(pk=obj.pk).end()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        queryset.end()


@admin.register(EmailVerificationToken, PasswordResetToken)
class SingleUseSecretAdmin(SecretAdmin):
    list_display = ("id", "user", "created_at", "expires_at", "used_at")
    list_filter: ClassVar[Any] = (LiveFilter, "created_at", ("used_at", admin.EmptyFieldListFilter))
