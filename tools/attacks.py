"""Attacks runs with everything in tests/attacks/, and prints what held and what broke.

    python tools/attacks.py --times=3

Real processes, files, signals and servers; the promises are those of docs/reliability.md. Some
attacks need rights to mount a file system; where the machine lacks something, the table says so.
"""

import argparse
import concurrent.futures
import datetime
import fnmatch
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from attacks import Attack, Unavailable, all_attacks  # noqa: E402
from environment import versions  # noqa: E402
from process import hear_signals  # noqa: E402

HELD, BROKE, UNAVAILABLE = "held", "broke", "not possible here"


def attempt(attack: Attack) -> tuple[str, str]:
    """Does an attack once: how it ended, and why if it did not hold."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            attack.run(Path(folder))
        except Unavailable as reason:
            return UNAVAILABLE, str(reason)
        except Exception:  # whatever it is, the promise was not kept
            return BROKE, traceback.format_exc()
    return HELD, ""


def main() -> int:
    """Attacks, and prints; returns status 1 if something broke."""
    hear_signals()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=1, help="times in a row (default: 1)")
    parser.add_argument("--only", default="*", help="names with * and ?, separated by commas")
    parser.add_argument("--jobs", type=int, default=2, help="attacks at a time (default: 2)")
    options = parser.parse_args()
    chosen = options.only.split(",")
    attacks = [a for n, a in all_attacks().items() if any(fnmatch.fnmatch(n, c) for c in chosen)]
    if not attacks or options.times < 1 or options.jobs < 1:
        parser.error("nothing to do: no attack has such a name, or --times or --jobs is below 1")
    ends: dict[str, list[str]] = {attack.name: [] for attack in attacks}
    began = time.monotonic()
    for _ in range(options.times):
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for attack, (end, why) in zip(attacks, pool.map(attempt, attacks), strict=True):
                ends[attack.name].append(end)
                if why:
                    print(f"{attack.name}: {end}: {why}", file=sys.stderr, flush=True)
    print("| attack | what must hold | result |\n|---|---|---|")
    for attack in attacks:
        found = ends[attack.name]
        result = ", ".join(f"{end} {found.count(end)} times" for end in dict.fromkeys(found))
        print(f"| `{attack.name}` | {attack.promise} | {result} |")
    counts = [sum(set(found) == {end} for found in ends.values()) for end in (HELD, UNAVAILABLE)]
    broke = [name for name, found in ends.items() if BROKE in found]
    print(
        f"\n{counts[0]} of {len(attacks)} held {options.times} times in a row, {counts[1]} are not "
        f"possible here, {len(broke)} broke{': ' if broke else ''}{', '.join(broke)}."
    )
    print(f"\n{datetime.date.today()}, {time.monotonic() - began:.0f} s; {versions()}")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main())
