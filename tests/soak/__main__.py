"""The commands behind `make soak` and `make fuzz`. The exit code is 1 if a promise is broken.

python -m tests.soak [--minutes 10] [--seed 1]     32 clients with good and hostile calls
python -m tests.soak --fuzz 10000 [--seed 1]       damaged modules through the upload gate and the trial
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from django.conf import settings  # noqa: E402 - Django has to be set up first

from tests.soak.course import Plan, run  # noqa: E402
from tests.soak.fuzz import fuzz  # noqa: E402
from tests.soak.promises import judge  # noqa: E402

SHORTEST_MINUTES = 2
WARM_UP_SECONDS = 60


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Soaks a server, or fuzzes the upload gate."
    )
    parser.add_argument("--minutes", type=float, default=10, help="duration, including the warm-up (10)")
    parser.add_argument(
        "--fuzz", type=int, metavar="MUTANTS", help="fuzz with this number of modules instead"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the clients' choices or the damage (1)")
    options = parser.parse_args()
    if options.minutes < SHORTEST_MINUTES:
        parser.error(f"--minutes must be {SHORTEST_MINUTES} or more: memory is compared after a warm-up")
    with tempfile.TemporaryDirectory(prefix="hostbridge-soak-") as folder:
        if options.fuzz:
            return fuzzed(options.fuzz, options.seed, Path(folder))
        return soaked(options.minutes * 60, options.seed, Path(folder))


def soaked(seconds: float, seed: int, folder: Path) -> int:
    warm_up = max(WARM_UP_SECONDS, seconds / 4)
    plan = Plan(warm_up, seconds - warm_up, settings.PLUGIN_WORKERS, seed=seed)
    verdicts = judge(run(plan, folder, say))
    say("\n" + "\n".join(map(str, verdicts)))
    return int(any(verdict.broken for verdict in verdicts))


def fuzzed(count: int, seed: int, folder: Path) -> int:
    fates = fuzz(count, seed, folder, say)
    say("\n".join(["", str(fates), *fates.broken]))
    return int(bool(fates.broken))


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
