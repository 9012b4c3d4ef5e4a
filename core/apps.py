from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

from core import access_version


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        access_version.watch_connections()
        autodiscover_modules("operations")  # of every installed app
