from django.urls import path

from plugins import auth_views, server_views, token_views, views

urlpatterns = [
    path("plugins", views.PluginListView.as_view()),
    path("plugins/<slug:slug>", views.PluginView.as_view()),
    path("plugins/<slug:slug>/call/<str:function>", views.CallView.as_view()),
    path("plugins/<slug:slug>/releases", views.ReleaseListView.as_view()),
    path("plugins/<slug:slug>/releases/<str:version>/activate", views.ActivateView.as_view()),
    path("plugins/<slug:slug>/releases/<str:version>/wasm", views.WasmView.as_view()),
    path("plugins/<slug:slug>/watch", views.WatchView.as_view()),
    path("plugins/<slug:slug>/browser-runs", views.BrowserRunView.as_view()),
    path("server", server_views.ServerView.as_view()),
    path("permissions", views.PermissionListView.as_view()),
    path("tokens", token_views.TokenListView.as_view()),
    path("tokens/<uuid:token_id>", token_views.TokenView.as_view()),
    path("executions", views.ExecutionListView.as_view()),
    path("executions/<uuid:execution_id>", views.ExecutionView.as_view()),
    path("executions/<uuid:execution_id>/cancel", views.CancelView.as_view()),
    path("executions/<uuid:execution_id>/replay", views.ReplayView.as_view()),
    path("executions/<uuid:execution_id>/finish", views.FinishRunView.as_view()),
    path("auth/signup", auth_views.SignUpView.as_view()),
    path("auth/login", auth_views.LogInView.as_view()),
    path("auth/logout", auth_views.LogOutView.as_view()),
    path("auth/session", auth_views.SessionView.as_view()),
    path("auth/request-email-verification", auth_views.RequestEmailVerificationView.as_view()),
    path("auth/verify-email", auth_views.VerifyEmailView.as_view()),
    path("auth/request-password-reset", auth_views.RequestPasswordResetView.as_view()),
    path("auth/reset-password", auth_views.ResetPasswordView.as_view()),
    path("auth/change-password", auth_views.ChangePasswordView.as_view()),
]
