from typing import Any

from django.urls import path

from plugins.consumers import EventsConsumer

events: Any = EventsConsumer.as_asgi()
websocket_urlpatterns: list[Any] = [path("ws/v1/events", events)]
