from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import access_version  # noqa: PLC0415 - it needs the app registry

        access_version.watch_connections()
        autodiscover_modules("operations")
