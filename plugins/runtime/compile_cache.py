"""wasmtime's cache of compiled code, and which users may write it. Workers use this module too: no Django.

The cache is native code that every worker loads. So only workers that compile and run nothing fill it; the
others can read it. Under root the two kinds have users of their own, none of which has an account.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

# From the range that systemd keeps for services with users of their own (its DynamicUser=).
WRITER_UID = 61184
_READER_UIDS = range(61185, 65520)


def uid_for(*, writer: bool) -> int:
    """The user that this process becomes if it is root. Hardly any two readers share one."""
    return WRITER_UID if writer else _READER_UIDS[os.getpid() % len(_READER_UIDS)]


def write_cache_config(directory: Path) -> Path:
    """Prepares the directory; the file that tells wasmtime of it."""
    directory = directory.absolute()  # workers run in another one
    modules = directory / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        directory.chmod(0o755)
        modules.chmod(0o755)
        with contextlib.suppress(OSError):  # a container may lack this user: then nothing is cached
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
        Path(draft.name).replace(path)  # whole at any moment: a worker may be starting that reads it
    return path


def in_the_way(directory: Path) -> Path | None:
    """The folder that keeps workers with a user of their own from the directory; None if nothing does."""
    if os.geteuid() != 0:
        return None
    path = directory.absolute()
    return next((each for each in (path, *path.parents) if not each.stat().st_mode & stat.S_IXOTH), None)
