"""`manage.py serve`: prepares the data directory and runs the server."""

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

_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without characters that are easily confused


class Command(BaseCommand):
    help = "Prepares the database, the bundled plugins and the static files, then serves on HOST:PORT."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare-only", action="store_true", help="Prepare, but do not serve.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prepare_only"]:
            self.prepare()
            return
        self.check_port()
        run_in_child(self.prepare)
        self.print_next_steps()
        uvicorn.run(
            "config.asgi:application",
            host=settings.HOST,
            port=settings.PORT,
            log_level="warning",
            access_log=False,
            lifespan="on",
            http="config.http_connection:BoundedConnection",
            server_header=False,
            # The client's address is the socket's. For TRUST_PROXY, see accounts.authentication.
            proxy_headers=False,
            ws_max_size=64 << 10,
            timeout_graceful_shutdown=10,
        )

    def prepare(self) -> None:
        self.step("Database")
        restrict_database_files(settings.DATABASES["default"])
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
                    f"Cannot listen on {settings.HOST}, port {settings.PORT}: {error.strerror}. "
                    f"Choose another port: PORT={settings.PORT + 1} make run"
                ) from error

    def print_next_steps(self) -> None:
        url = settings.PUBLIC_URL
        lines = ["", f"Hostbridge is ready: open {url}"]
        if not owner_setup.owner_exists():
            code = new_setup_code()
            owner_setup.replace_setup_code(code)
            lines.append(f"Create the owner's account on your first visit. One-time code: {code}")
        lines += [f"Data: {Path(settings.DATA_DIR)}   API: {url}/api/docs/   Stop: Ctrl+C", ""]
        self.stdout.write("\n".join(lines))
        sys.stdout.flush()


def run_in_child(work: Callable[[], None]) -> None:
    """Runs `work` in a child process, so that its memory, up to 30 MB, is free afterwards.

    Exits with the child's exit code if that failed.
    """
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)


def restrict_database_files(database: Mapping[str, Any]) -> None:
    """Lets only the server's own user read the SQLite files, not workers, which may run as another user.

    SQLite gives the files it creates beside the database the mode of the database.
    """
    if database["ENGINE"] == "django.db.backends.sqlite3":
        path = Path(database["NAME"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if file.exists():
                file.chmod(0o600)


def new_setup_code() -> str:
    """Four groups of four characters: about 79 bits, too many to guess."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
