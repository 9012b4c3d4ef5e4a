from django.urls import path

from plugins.api import auth, browser_runs, call_view, executions, grants, plugins, releases, server, tokens

urlpatterns = [
    path("plugins", plugins.PluginListView.as_view()),
    path("plugins/<slug:slug>", plugins.PluginView.as_view()),
    path("plugins/<slug:slug>/call/<str:function>", call_view.CallView.as_view()),
    path("plugins/<slug:slug>/releases", releases.ReleaseListView.as_view()),
    path("plugins/<slug:slug>/releases/<str:version>/activate", releases.ActivateView.as_view()),
    path("plugins/<slug:slug>/releases/<str:version>/wasm", releases.WasmView.as_view()),
    path("plugins/<slug:slug>/watch", plugins.WatchView.as_view()),
    path("plugins/<slug:slug>/browser-runs", browser_runs.BrowserRunView.as_view()),
    path("server", server.ServerView.as_view()),
    path("permissions", grants.PermissionListView.as_view()),
    path("tokens", tokens.TokenListView.as_view()),
    path("tokens/<uuid:token_id>", tokens.TokenView.as_view()),
    path("executions", executions.ExecutionListView.as_view()),
    path("executions/<uuid:execution_id>", executions.ExecutionView.as_view()),
    path("executions/<uuid:execution_id>/cancel", executions.CancelView.as_view()),
    path("executions/<uuid:execution_id>/replay", executions.ReplayView.as_view()),
    path("executions/<uuid:execution_id>/finish", browser_runs.FinishRunView.as_view()),
    path("auth/signup", auth.SignUpView.as_view()),
    path("auth/login", auth.LogInView.as_view()),
    path("auth/logout", auth.LogOutView.as_view()),
    path("auth/session", auth.SessionView.as_view()),
    path("auth/request-email-verification", auth.RequestEmailVerificationView.as_view()),
    path("auth/verify-email", auth.VerifyEmailView.as_view()),
    path("auth/request-password-reset", auth.RequestPasswordResetView.as_view()),
    path("auth/reset-password", auth.ResetPasswordView.as_view()),
    path("auth/change-password", auth.ChangePasswordView.as_view()),
]
