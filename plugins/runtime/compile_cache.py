"""wasmtime's cache of compiled code, and which users may write it. Workers import it too: no Django.

The cache holds native code that every worker loads. So only workers that compile, and never run plugin code,
may write it; the others can only read it. If the server runs as root, the two kinds of worker run as
different users, none of which has an account.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

# From the range that systemd reserves for DynamicUser= services.
WRITER_UID = 61184
_READER_UIDS = range(61185, 65520)


def uid_for(*, writer: bool) -> int:
    """The user that this process switches to if it is root. Two readers rarely share one."""
    return WRITER_UID if writer else _READER_UIDS[os.getpid() % len(_READER_UIDS)]


def write_cache_config(directory: Path) -> Path:
    """Prepares the cache directory. Returns the path of the configuration file for wasmtime."""
    directory = directory.absolute()  # workers have another working directory
    modules = directory / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        directory.chmod(0o755)
        modules.chmod(0o755)
        with contextlib.suppress(OSError):  # fails in a container without this user: then nothing is cached
            os.chown(modules, WRITER_UID, WRITER_UID)
    else:
        directory.chmod(0o700)
    path = directory / "cache.toml"
    quoted = str(modules).replace("\\", "\\\\").replace('"', '\\"')
    text = f'[cache]\ndirectory = "{quoted}"\n'
    if not path.exists() or path.read_text() != text:
        with tempfile.NamedTemporaryFile("w", dir=directory, delete=False) as draft:
            draft.write(text)
        Path(draft.name).chmod(0o644)
        Path(draft.name).replace(path)  # atomic: a worker that is starting may be reading it
    return path


def blocking_folder(directory: Path) -> Path | None:
    """The folder whose permissions keep workers with their own user out of the directory, if there is one."""
    if os.geteuid() != 0:
        return None
    path = directory.absolute()
    return next((each for each in (path, *path.parents) if not each.stat().st_mode & stat.S_IXOTH), None)
