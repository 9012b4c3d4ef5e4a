"""Static files are compressed when they have changed, and only then."""

import gzip
import os
from pathlib import Path

import pytest

from config.static_files import StaticFilesStorage

TEXT = "body { color: black }\n" * 100


@pytest.fixture
def storage(tmp_path: Path) -> StaticFilesStorage:
    (tmp_path / "site.css").write_text(TEXT)
    storage = StaticFilesStorage(location=tmp_path)
    assert compress(storage) == {"site.css.gz"}
    return storage


def compress(storage: StaticFilesStorage) -> set[str]:
    """The names of the copies that were written."""
    return {name for _, name, _ in storage.post_process({"site.css": (storage, "site.css")})}


def test_an_unchanged_file_is_not_compressed_again(storage: StaticFilesStorage) -> None:
    assert compress(storage) == set()


def test_a_changed_file_is_compressed_again(storage: StaticFilesStorage) -> None:
    path = Path(storage.path("site.css"))
    path.write_text(TEXT + "p { color: red }")
    os.utime(path, (2_000_000_000, 2_000_000_000))
    assert compress(storage) == {"site.css.gz"}
    assert gzip.decompress(path.with_name("site.css.gz").read_bytes()) == path.read_bytes()


def test_an_incomplete_copy_is_replaced(storage: StaticFilesStorage) -> None:
    path = Path(storage.path("site.css.gz"))
    path.write_bytes(path.read_bytes()[:10])
    os.utime(path, (2_000_000_000, 2_000_000_000))
    assert compress(storage) == {"site.css.gz"}
    assert gzip.decompress(path.read_bytes()) == TEXT.encode()
