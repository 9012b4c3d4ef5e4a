"""The ASGI application, for any ASGI server: `config.asgi:application`."""

import os

import django

from config.memory import bound_heaps

bound_heaps()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.application import application  # noqa: E402 - Django has to be set up first

__all__ = ["application"]
