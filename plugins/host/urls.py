from django.urls import path

from plugins.host.views import routes, view_of

urlpatterns = [path(route, view_of(operations).as_view()) for route, operations in routes().items()]
