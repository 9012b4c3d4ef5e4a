"""The machine's Chromium (or the one that CHROMIUM names), as the tests and the bench start it."""

import os
import shutil

from playwright.sync_api import Browser, BrowserType

_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def find() -> str | None:
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def launch(kind: BrowserType, path: str, *arguments: str) -> Browser:
    """Starts the Chromium at this path, which asks nobody for anything by itself."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return kind.launch(executable_path=path, args=[*_QUIET, *as_root, "--disable-gpu", *arguments])
