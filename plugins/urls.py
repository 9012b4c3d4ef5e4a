from django.urls import path

from plugins import auth_views, views

urlpatterns = [
    path("plugins", views.PluginListView.as_view()),
    path("plugins/<slug:slug>", views.PluginView.as_view()),
    path("plugins/<slug:slug>/call/<str:function>", views.CallView.as_view()),
    path("executions", views.ExecutionListView.as_view()),
    path("executions/<uuid:execution_id>", views.ExecutionView.as_view()),
    path("auth/signup", auth_views.SignUpView.as_view()),
    path("auth/login", auth_views.LogInView.as_view()),
    path("auth/logout", auth_views.LogOutView.as_view()),
    path("auth/session", auth_views.SessionView.as_view()),
]
