from django.urls import path

from accounts import views

urlpatterns = [
    path("setup", views.SetupView.as_view()),
    path("users/me", views.AccountView.as_view()),
    path("sessions", views.SessionListView.as_view()),
    path("sessions/<uuid:session_id>", views.OwnSessionView.as_view()),
]
