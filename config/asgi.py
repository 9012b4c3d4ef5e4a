"""The ASGI application, for any ASGI server: `config.asgi:application`."""

import os
import sys

import django

from config.memory import bound_heaps

bound_heaps()
# The thread that writes the journal would keep the event loop waiting for five milliseconds at a time.
sys.setswitchinterval(0.0005)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.application import application  # noqa: E402 - Django has to be set up first

__all__ = ["application"]
