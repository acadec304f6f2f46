"""Compares two run folders: equal weights, bit for bit, and equal curves.

  python tools/same_runs.py BEFORE AFTER [TAGS]

BEFORE and AFTER are run folders, or folders of run folders with the same names. For each pair
it compares every array of model.keras (weights, optimizer and metrics), and every tag of the
event files at every step; all but what depends on the clock, and tags that the regular
expression TAGS matches, such as ^pictures/. It prints a line a pair, and the exit status is 1
if any of them differ.
"""

import re
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

# Times; the record of the run and its row in HParams, which hold times and paths.
CLOCK = r"^(steps_per_second|observing/share|run|_hparams_/.*)$"


def arrays(run: Path) -> dict[str, np.ndarray]:
    """Every array that the saved model holds, by name."""
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(run / "model.keras") as file:
        path = file.extract("model.weights.h5", folder)

        def keep(name, item):
            if isinstance(item, h5py.Dataset):
                found[name] = np.asarray(item)

        with h5py.File(path) as weights:
            weights.visititems(keep)
    return found


def curves(run: Path, left_out: str) -> dict[str, dict[int, object]]:
    """Every summary of the run: folder and tag -> step -> value, comparable by ==."""
    found: dict[str, dict[int, object]] = {}
    for path in sorted(run.rglob("events.out.tfevents.*")):
        part = path.parent.relative_to(run)
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if re.search(CLOCK, value.tag) or re.search(left_out, value.tag):
                    continue
                array = tensor_util.make_ndarray(value.tensor)
                # Texts and pictures are arrays of objects; numbers are compared by their bits.
                bits = array.tolist() if array.dtype == object else (array.shape, array.tobytes())
                found.setdefault(f"{part}/{value.tag}", {})[event.step] = bits
    return found


def differences(before: Path, after: Path, left_out: str) -> tuple[list[str], str]:
    """What differs between two runs, and how much was compared."""
    found = []
    mine, other = arrays(before), arrays(after)
    for name in sorted({*mine, *other}):
        a, b = mine.get(name), other.get(name)
        if a is None or b is None:
            found.append(f"{name}: in one of them only")
        elif a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
            found.append(f"{name}: other bits")
    old, new = curves(before, left_out), curves(after, left_out)
    values = 0
    for tag in sorted({*old, *new}):
        if old.get(tag, {}).keys() != new.get(tag, {}).keys():
            found.append(f"{tag}: other steps")
            continue
        values += len(old[tag])
        steps = [step for step in old[tag] if old[tag][step] != new[tag][step]]
        if steps:
            found.append(f"{tag}: other values at step {min(steps)}")
    return found, f"{len(mine)} arrays, {len(old)} tags, {values} values"


def main() -> int:
    """Compares what the command line names."""
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    before, after = map(Path, sys.argv[1:3])
    left_out = sys.argv[3] if len(sys.argv) == 4 else "^$"
    pairs = [(before, after)]
    if not (before / "model.keras").exists():
        names = sorted(path.parent.name for path in before.glob("*/model.keras"))
        pairs = [(before / name, after / name) for name in names]
    if not pairs:
        print(f"{before}: no runs with a model.keras", file=sys.stderr)
        return 2
    failed = False
    for one, other in pairs:
        found, compared = differences(one, other, left_out)
        print(f"{one.name}: {'; '.join(found[:5]) if found else 'equal'} ({compared})")
        failed |= bool(found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
