"""Static files with compressed copies, which are made only where a file has changed since the last start."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whitenoise.storage import CompressedStaticFilesStorage


class StaticFilesStorage(CompressedStaticFilesStorage):  # type: ignore[misc]  # it has no types
    """WhiteNoise's own compresses every file at every start, which takes a second of CPU."""

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        stale = {path: found for path, found in paths.items() if not is_compressed(Path(self.path(path)))}
        yield from super().post_process(stale, dry_run, **options)


def is_compressed(path: Path) -> bool:
    """Whether the compressed copy belongs to this version of the file: WhiteNoise gives both the same time.

    It does so last, so that a copy whose writing was interrupted is made anew.
    """
    copy = path.with_name(f"{path.name}.gz")
    return copy.exists() and abs(copy.stat().st_mtime - path.stat().st_mtime) < 0.001
