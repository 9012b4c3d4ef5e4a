from django.urls import path

from plugins.host.route_table import route_table
from plugins.host.views import view_of

urlpatterns = [path(route.template, view_of(route).as_view()) for route in route_table().routes]
