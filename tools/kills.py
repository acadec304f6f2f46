"""Kills training processes at random moments and resumes them, many times.

    python tools/kills.py --kills=200
    python tools/kills.py --kills=40 --workers=2

Each run of `train.py` is killed with SIGKILL at a random moment between the start and the end of
its process, resumed with the command that it prints, and compared with a run that was not
killed. Weights, optimizer state, history and every record in TensorBoard, except those of time,
must be equal, bit for bit. Half of the moments are drawn from a run's whole length; the others
are aimed at what is too short to be hit by chance: the first files, the writing of a checkpoint,
the model's file. Prints where the kills fell. This is the long form of `tests/test_survival.py`
and takes about half an hour on two cores.

With --workers=2 each run has two workers, of which one, the other or both are killed; then the same
command is given again on both. It is compared with an undisturbed run on two workers.
"""

import argparse
import collections
import concurrent.futures
import datetime
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from environment import versions  # noqa: E402
from killing import (  # noqa: E402
    TWO_OPTIMIZERS,
    assert_same,
    end,
    kill_and_resume,
    later,
    outcome,
    start,
)
from killing_workers import end_workers, kill_workers_and_resume, start_workers  # noqa: E402
from process import hear_signals  # noqa: E402


def aimed(chosen: random.Random, seconds: float) -> Callable[[Path], bool]:
    """The moment at which to kill a run that takes this many seconds."""
    aims = ["any moment"] * 5 + ["a checkpoint"] * 3 + ["run.lock", "model.keras"]
    aim = chosen.choice(aims)
    if aim == "any moment":
        return later(chosen.uniform(0, seconds))
    if aim == "a checkpoint":
        return _being_written(chosen.randint(1, 5))  # a run writes a few more
    since: list[float] = []
    delay = chosen.uniform(0, 0.1)

    def written(folder: Path) -> bool:
        if (folder / aim).exists():
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= delay

    return written


def _being_written(number: int) -> Callable[[Path], bool]:
    seen: set[str] = set()

    def being_written(folder: Path) -> bool:
        names = {path.name for path in folder.glob("checkpoints/.*.tmp")}
        seen.update(names)
        return bool(names) and len(seen) >= number

    return being_written


def main() -> int:
    """Kills, compares and prints; returns status 1 if a run ended differently."""
    hear_signals()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=200, help="runs to kill (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments (default: 0)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    parser.add_argument(
        "--workers", type=int, default=1, choices=[1, 2], help="workers of each run (default: 1)"
    )
    parser.add_argument(
        "--optimizers", type=int, default=1, choices=[1, 2], help="of the model (default: 1)"
    )
    options = parser.parse_args()
    if options.workers + options.optimizers > 3:
        parser.error("two workers train the model with one optimizer")
    flags = [TWO_OPTIMIZERS] if options.optimizers == 2 else []
    found: collections.Counter[str] = collections.Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        began = time.monotonic()
        if options.workers == 1:
            end(start(home, "undisturbed", *flags))
        else:
            end_workers(start_workers(home, "undisturbed"))
        # Runs in parallel take longer; the moments cover them up to their end.
        seconds = (time.monotonic() - began) * min(options.jobs, 2)
        expected = outcome(home, "undisturbed")

        def kill(number: int) -> str:
            chosen = random.Random(f"{options.seed} {number}")
            moment = aimed(chosen, seconds)
            if options.workers == 1:
                place = kill_and_resume(home, f"kill-{number}", moment, *flags)
            else:
                victims = chosen.choice([(0,), (1,), (0, 1)])
                place = kill_workers_and_resume(home, f"kill-{number}", moment, victims)
            assert_same(outcome(home, f"kill-{number}"), expected)
            shutil.rmtree(home / "logs" / f"kill-{number}")
            return place

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            kills = {pool.submit(kill, number): number for number in range(options.kills)}
            for done, future in enumerate(concurrent.futures.as_completed(kills), start=1):
                try:
                    found[future.result()] += 1
                except AssertionError as error:
                    wrong.append(kills[future])
                    print(f"kill {kills[future]}: {error}", file=sys.stderr, flush=True)
                print(f"{done} of {options.kills}", file=sys.stderr, flush=True)
    print("| a run was killed | times |\n|---|---|")
    for moment, times in found.most_common():
        print(f"| {moment} | {times} |")
    print(f"\n{sum(found.values())} of {options.kills} ended as the undisturbed run did", end="")
    print(f", not those numbered {sorted(wrong)}." if wrong else ".")
    print(f"\n{datetime.date.today()}; {versions()}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
