"""`make bench`: measures Hostbridge and its peers in turns, in one run on this machine.

    python -m tests.bench [part …]      calls, login, host, start, overload, browser, memory (default: all)

Absolute figures depend on the machine. Ratios within one run say more, although they vary by about 10 %.
Missed goals are reported, but are no error.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.bench import browser, calls, first_call, host_calls, logins, memory, overload


class Part(NamedTuple):
    title: str
    main: Callable[[Path], None]


PARTS = {
    "calls": Part(
        "Calls of `greet`, with log-in, history and event feed, compared with the peers", calls.main
    ),
    "login": Part("One log-in: the auth plugin compared with Django", logins.main),
    "host": Part("One host call that reads one row, p50 of 60 samples (lower is better)", host_calls.main),
    "start": Part("The first call of a large module after a restart of the server", first_call.main),
    "overload": Part("While one plugin hangs in every worker that it can get", overload.main),
    "browser": Part("In the browser: a run, the first load, a long list (lower is better)", browser.main),
    "memory": Part("Memory of an idle server (PSS)", memory.main),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measures performance and prints ratios."
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no part named {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    use_default_settings()
    with tempfile.TemporaryDirectory(prefix="hostbridge-bench-") as folder:
        Path(folder).chmod(
            0o755
        )  # under root, workers run as other users, who need access to the compile cache
        for name in chosen:
            print(f"\n{PARTS[name].title}", flush=True)
            PARTS[name].main(Path(folder))


def use_default_settings() -> None:
    """Removes the shell's settings for plugins, so that the servers run with the default ones."""
    for name in [name for name in os.environ if name.startswith("PLUGIN_")]:
        del os.environ[name]


if __name__ == "__main__":
    main()
