"""Sends damaged modules through the upload gate and, if they pass it, the trial.

This process stands for a web process: any module must pass or raise a declared error, and no worker may be
left running.
"""

import asyncio
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from plugins.bundles.wasm import InvalidWasm, Module
from plugins.runtime.job import Crashed, InvalidModule, Job, TimedOut
from plugins.runtime.trial import try_out
from tests.plugins.bundles.mutations import mutants
from tests.plugins.bundles.test_module_policy import check
from tests.soak.watch import children

MEMORY_MB = 64
START_MS = 1000
SAY_EVERY = 500


@dataclass
class Fates:
    """The number of mutants by fate. `broken` lists what should not have happened."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {fate}" for fate, count in self.counts.most_common())
        return f"{self.counts.total()} mutants: {counts}"


def fuzz(count: int, seed: int, folder: Path, say: Callable[[str], None]) -> Fates:
    """Tries `count` mutants. `folder` holds the trials' caches, each of which is deleted after its trial."""
    fates = Fates()
    before = {*children(os.getpid())}
    numbered = enumerate(mutants(count, seed))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        while some := [*islice(numbered, SAY_EVERY)]:  # all of them at once would take gigabytes
            fates_of_some = threads.map(partial(_fate, folder=folder), some)
            for (number, _), fate in zip(some, fates_of_some, strict=True):
                if isinstance(fate, str):
                    fates.counts[fate] += 1
                else:
                    fates.broken.append(f"mutant {number} of seed {seed}: {fate!r}")
            say(f"  {fates}")
    if left := {*children(os.getpid())} - before:
        fates.broken.append(f"child processes left running: {left}")
    return fates


def _fate(mutant: tuple[int, bytes], folder: Path) -> str | Exception:
    """The mutant's fate, or the exception if it is not a declared one."""
    number, wasm = mutant
    try:
        return _through_gate_and_trial(wasm, folder / str(number))
    except Exception as error:
        return error


def _through_gate_and_trial(wasm: bytes, cache_dir: Path) -> str:
    try:
        module = check(wasm, memory_mb=MEMORY_MB, functions=())
    except InvalidWasm:
        return "refused by the gate"
    try:
        asyncio.run(try_out(_job(wasm, module), guest_memory_bytes=MEMORY_MB << 20, cache_dir=cache_dir))
    except InvalidModule:
        return "refused by the trial"
    except TimedOut:
        return "stopped by the trial, out of time"
    except Crashed:
        return "killed their worker"
    finally:
        shutil.rmtree(cache_dir, ignore_errors=True)
    return "passed both"


def _job(wasm: bytes, module: Module) -> Job:
    return Job(
        sha256=hashlib.sha256(wasm).hexdigest(),
        wasm=lambda: wasm,
        function="",
        timeout_ms=START_MS,
        max_pages=MEMORY_MB * 16,
        max_output_bytes=0,
        max_host_calls=0,
        max_bridge_bytes=0,
        imports=module.import_names,
    )
