"""Starts the installed Chromium, or the one that the environment variable CHROMIUM names."""

import os
import shutil

from playwright.sync_api import Browser, BrowserType

_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def launch(kind: BrowserType, *more: str) -> Browser:
    """Raises FileNotFoundError if Chromium is not installed."""
    return kind.launch(executable_path=executable(), args=[*arguments(), *more])


def executable() -> str:
    """The path of Chromium. Raises FileNotFoundError if it is not installed."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        raise FileNotFoundError("Chromium is not installed. Install it, or set CHROMIUM to its path.")
    return path


def arguments() -> list[str]:
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [*_QUIET, *as_root, "--disable-gpu"]
