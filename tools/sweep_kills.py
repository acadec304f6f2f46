"""Kills a sweep again and again at random moments, and compares its end with an undisturbed one.

    python tools/sweep_kills.py --kills=40

Starts the same command until it has been killed so many times with SIGKILL, and then lets it end.
Half of the kills hit all of its processes, as a crash of the machine does; the others only the
first one, whose children save and end by themselves, while the command is already given again.
sweep.csv must then be that of the undisturbed sweep, byte for byte, and no run may have been
trained again after it was finished. Takes about a quarter of an hour on two cores.
"""

import argparse
import collections
import datetime
import json
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from environment import versions  # noqa: E402
from process import hear_signals  # noqa: E402
from sweeping import end, kill_all, start, table, write_data  # noqa: E402

VARY = "--vary=learning_rate=log(1e-3,1e-1) dropout=0,0.2"


def finished(folder: Path) -> dict[str, str]:
    """What the runs that have ended say of themselves."""
    found = {}
    for path in folder.glob("swept/*/run.json"):
        record = json.loads(path.read_text())
        if record["status"] == "finished":
            found[path.parent.name] = f"{record['id']} {record['ended']}"
    return found


def main() -> int:
    """Kills, compares and prints; returns status 1 if something was lost or done twice."""
    hear_signals()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=40, help="how many (default: 40)")
    parser.add_argument("--trials", type=int, default=12, help="of the sweep (default: 12)")
    parser.add_argument("--jobs", type=int, default=2, help="its processes (default: 2)")
    parser.add_argument("--longest", type=float, default=15, help="seconds to a kill (default: 15)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args()
    chosen = random.Random(options.seed)
    flags = [f"--trials={options.trials}", f"--jobs={options.jobs}"]
    found: collections.Counter[str] = collections.Counter()
    again = []
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_data(home)
        end(start(home, "undisturbed", *flags, vary=VARY))
        done: dict[str, str] = {}
        for number in range(options.kills):
            process = start(home, "killed", *flags, vary=VARY)
            moment = time.monotonic() + chosen.uniform(0, options.longest)
            while process.poll() is None and time.monotonic() < moment:
                time.sleep(0.001)
            what = chosen.choice(["all processes", "the first process"])
            if process.poll() is not None:
                what = "none: the sweep had ended"
            elif what == "all processes":
                kill_all(process)
            else:
                process.kill()
                process.wait()
            for stream in (process.stdout, process.stderr):
                stream.close()
            found[what] += 1
            now = finished(home / "killed")
            again += [name for name, said in done.items() if now.get(name) != said]
            done = now
            print(f"{number + 1} of {options.kills}: {len(done)} done", file=sys.stderr, flush=True)
        end(start(home, "killed", *flags, vary=VARY))
        now = finished(home / "killed")
        again += [name for name, said in done.items() if now.get(name) != said]
        same = table(home / "killed") == table(home / "undisturbed")
    print("| killed | times |\n|---|---|")
    for what, times in found.most_common():
        print(f"| {what} | {times} |")
    print(f"\nsweep.csv is {'the same' if same else 'ANOTHER'}; trained again: {again or 'none'}.")
    print(f"{datetime.date.today()}; {versions()}")
    return 0 if same and not again else 1


if __name__ == "__main__":
    sys.exit(main())
