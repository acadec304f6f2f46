"""Fuzzes the readers of files and the flags for some time, and counts the inputs.

    python tools/fuzz.py --target=npz --seconds=300
    python tools/fuzz.py --target=idx --seconds=600 --atheris

The targets are those of tests/fuzzing.py. Each input must be accepted, or refused with the
project's own error in one line, and nothing may be written elsewhere. By default, hypothesis
makes the inputs, with a new seed in every round. With --atheris (pip install atheris; for idx,
npz and flags) the coverage of mlp_lab guides them, and an input that takes ten seconds or a
gigabyte ends the run with an error.

Prints how many inputs were tried, accepted and refused, the slowest time, and the most memory:
traced by Python or, with --atheris, that of the process. The exit status is not 0 if anything
was found.
"""

import argparse
import datetime
import importlib.metadata
import itertools
import os
import platform
import resource
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

MIB = 1024**2
MOST_SECONDS, MOST_MIB = 10, 1024


class Counts:
    """The results of the inputs so far."""

    def __init__(self, target: Any):
        self._target = target
        self.found = {True: 0, False: 0}
        self.slowest = 0.0

    def add(self, value: Any) -> None:
        """Tries an input."""
        began = time.monotonic()
        self.found[self._target.accepts(value)] += 1
        self.slowest = max(self.slowest, time.monotonic() - began)

    def report(self, name: str, by: str, seconds: float, mib: float) -> str:
        """A row of a table, and the versions it was measured with."""
        taken, refused = self.found[True], self.found[False]
        python = f"Python {platform.python_version()}"
        made = f"{by} {importlib.metadata.version(by)}, {python}, {datetime.date.today()}"
        return (
            f"| {name} | {by} | {seconds:,.0f} | {taken + refused:,} | {taken:,} | {refused:,} "
            f"| {self.slowest:.2f} | {mib:,.0f} |\n{made}"
        )


def by_hypothesis(name: str, seconds: float) -> int:
    """Tries inputs of the target's strategy until the time is up."""
    import hypothesis
    from fuzzing import TARGETS

    target = TARGETS[name]()
    counts = Counts(target)
    began = time.monotonic()
    most = 0
    tracemalloc.start()
    for seed in itertools.count():
        if time.monotonic() - began > seconds:
            break

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=100, deadline=None, database=None,
            suppress_health_check=[*hypothesis.HealthCheck],
        )  # fmt: skip
        @hypothesis.given(target.inputs)
        def check(value: Any) -> None:
            slowest, counts.slowest = counts.slowest, 0.0
            tracemalloc.reset_peak()
            counts.add(value)
            nonlocal most
            most = max(most, tracemalloc.get_traced_memory()[1])
            assert counts.slowest < MOST_SECONDS
            assert most < MOST_MIB * MIB
            counts.slowest = max(slowest, counts.slowest)

        check()
    print(counts.report(name, "hypothesis", time.monotonic() - began, most / MIB))
    return 0


def by_atheris(name: str, seconds: float) -> int:
    """Tries inputs made by atheris; on an error it ends the process with its own report."""
    import atheris

    with atheris.instrument_imports(include=["mlp_lab"]):
        from fuzzing import TARGETS

        target = TARGETS[name]()
    counts = Counts(target)
    began = time.monotonic()

    def once(content: bytes) -> None:
        counts.add(target.from_bytes(content))
        if time.monotonic() - began > seconds:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(counts.report(name, "atheris", time.monotonic() - began, most), flush=True)
            os._exit(0)  # libFuzzer has no other way to end

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            Path(corpus, f"seed-{number}").write_bytes(seed)
        limits = [f"-timeout={MOST_SECONDS}", f"-rss_limit_mb={MOST_MIB}", "-max_len=4096"]
        atheris.Setup(["fuzz", *limits, f"-artifact_prefix={corpus}/../", corpus], once)
        atheris.Fuzz()
    return 1


def main() -> int:
    """Fuzzes one target; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--target", required=True, help="one of TARGETS in tests/fuzzing.py")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--atheris", action="store_true", help="guided by coverage")
    options = parser.parse_args()
    fuzz: Callable[[str, float], int] = by_atheris if options.atheris else by_hypothesis
    return fuzz(options.target, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
