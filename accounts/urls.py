from django.urls import path

from accounts.views import SetupView

urlpatterns = [path("setup", SetupView.as_view())]
