from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import generation  # noqa: PLC0415 - models are loaded only now

        generation.watch_connections()
