"""What a command does for its operator: no traceback for a mistake of theirs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, ProgrammingError

from core.problems import Problem


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns what an operator can cause into a CommandError: problems, files and the database.

    A reader that went away (`| head`) ends the command silently.
    """
    try:
        yield
        sys.stdout.flush()
    except Problem as problem:
        raise CommandError(f"{problem.title}: {problem.detail}") from problem
    except BrokenPipeError:
        # Python would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"{where}{error.strerror or error}.") from error
    except (OperationalError, ProgrammingError) as error:
        raise CommandError(
            f"{_first_line(error)}. If the database is new, run manage.py migrate first."
        ) from error


def _first_line(error: DatabaseError) -> str:
    return str(error).strip().partition("\n")[0]
