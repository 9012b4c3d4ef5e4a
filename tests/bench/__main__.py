"""`make bench`: ours beside the peers, in one run, in turns, on this machine.

    python -m tests.bench [part …]      calls, login, host, start, overload, browser, memory; or all

Figures of one machine say little; the ratios of one run say more, and even they move by a tenth or so.
Goals that a run does not meet are told and are no error.
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
        "Calls of `greet`: logged in, recorded and told to the event feed, beside the peers", calls.main
    ),
    "login": Part("One log-in: the auth plugin beside Django's own", logins.main),
    "host": Part("One host call that reads one row, p50 of 60 samples (lower is better)", host_calls.main),
    "start": Part("The first call of a large module after a restart of the server", first_call.main),
    "overload": Part("While one plugin hangs in all workers it can get", overload.main),
    "browser": Part("In the browser: a run, the first load, a long list (lower is better)", browser.main),
    "memory": Part("Memory of an idle server (PSS)", memory.main),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures, and prints ratios.")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no part named {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    use_default_settings()
    with tempfile.TemporaryDirectory(prefix="hostbridge-bench-") as folder:
        Path(folder).chmod(0o755)  # under root, workers reach their compile cache as users of their own
        for name in chosen:
            print(f"\n{PARTS[name].title}", flush=True)
            PARTS[name].main(Path(folder))


def use_default_settings() -> None:
    """The servers are measured as they come, whatever this shell has set for plugins."""
    for name in [name for name in os.environ if name.startswith("PLUGIN_")]:
        del os.environ[name]


if __name__ == "__main__":
    main()
