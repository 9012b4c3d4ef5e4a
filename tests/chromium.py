"""Starts the machine's Chromium, or the one that CHROMIUM names."""

import os
import shutil

from playwright.sync_api import Browser, BrowserType

_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def launch(kind: BrowserType, *more: str) -> Browser:
    """Raises FileNotFoundError where there is no Chromium."""
    return kind.launch(executable_path=executable(), args=[*arguments(), *more])


def executable() -> str:
    """Raises FileNotFoundError."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        raise FileNotFoundError("There is no Chromium on this machine; install it, or name it in CHROMIUM.")
    return path


def arguments() -> list[str]:
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [*_QUIET, *as_root, "--disable-gpu"]
