"""The product's settings with a temporary data directory for each test process. Nothing touches var/."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_directory = tempfile.mkdtemp(prefix="hostbridge-tests-")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
os.environ["DATA_DIR"] = _directory
for _name in ("SECRET_KEY", "PUBLIC_URL", "HOST", "PORT", "AUTH_PLUGIN", "ALLOWED_HOSTS"):
    os.environ.pop(_name, None)

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STATIC_ROOT  # noqa: E402

Path(STATIC_ROOT).mkdir()
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # On disk, as in the product. In memory, a SQLite writer fails instead of waiting for another.
    DATABASES["default"]["TEST"] = {"NAME": f"{_directory}/test.sqlite3"}
