"""The ASGI application, for any ASGI server: `config.asgi:application`."""

import os
import sys

import django

from config.heap import use_one_heap

use_one_heap()
# With the default of 5 ms, the thread that writes the journal would block the event loop for that long.
sys.setswitchinterval(0.0005)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.application import application  # noqa: E402 - Django must be set up first

__all__ = ["application"]
