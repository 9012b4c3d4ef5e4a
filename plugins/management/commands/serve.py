"""`manage.py serve`: everything between an empty folder and a running server."""

import multiprocessing
import secrets
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts import owner_setup
from plugins.registry import installation

_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # nothing that is easily misread


class Command(BaseCommand):
    help = "Prepares the database, the bundled plugins and the static files, then serves on HOST:PORT."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare-only", action="store_true", help="Stop before serving.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prepare_only"]:
            self.prepare()
            return
        self.check_port()
        in_a_child(self.prepare)
        self.say_what_next()
        uvicorn.run(
            "config.asgi:application",
            host=settings.HOST,
            port=settings.PORT,
            log_level="warning",
            access_log=False,
            lifespan="on",
            http="config.http_connection:BoundedConnection",
            server_header=False,
            # Whose address a request came from is believed from the socket alone.
            proxy_headers=False,
            ws_max_size=64 << 10,
            timeout_graceful_shutdown=10,
        )

    def prepare(self) -> None:
        self.step("Database")
        keep_to_ourselves(settings.DATABASES["default"])
        call_command("migrate", verbosity=0, interactive=False)
        self.step("Bundled plugins")
        installation.install_bundled()
        self.step("Static files")
        call_command("collectstatic", verbosity=0, interactive=False)

    def step(self, name: str) -> None:
        self.stdout.write(f"  {name} …")
        self.stdout.flush()

    def check_port(self) -> None:
        family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.HOST, settings.PORT))
            except OSError as error:
                raise CommandError(
                    f"Port {settings.PORT} on {settings.HOST} cannot be used ({error.strerror}). "
                    f"Choose another: PORT={settings.PORT + 1} make run"
                ) from error

    def say_what_next(self) -> None:
        url = settings.PUBLIC_URL
        lines = ["", f"Hostbridge is ready: open {url}"]
        if not owner_setup.owner_exists():
            code = new_setup_code()
            owner_setup.replace_setup_code(code)
            lines.append(f"The first visit makes the owner's account. One-time code: {code}")
        lines += [f"Data: {Path(settings.DATA_DIR)}   API: {url}/api/docs/   Stop: Ctrl+C", ""]
        self.stdout.write("\n".join(lines))
        sys.stdout.flush()


def in_a_child(work: Callable[[], None]) -> None:
    """Does it in a process of its own, with which all the memory goes that it took: up to 30 MB.

    Exits as that did, if it failed.
    """
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)


def keep_to_ourselves(database: Mapping[str, Any]) -> None:
    """SQLite makes its other files with the mode of the first: for the server's user alone, and so not for
    workers that have another one.
    """
    if database["ENGINE"] == "django.db.backends.sqlite3":
        path = Path(database["NAME"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if file.exists():
                file.chmod(0o600)


def new_setup_code() -> str:
    """Four groups of four: 80 bits, which nobody tries out."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
