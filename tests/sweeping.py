"""Sweeps that are started, killed and continued as processes, and what they leave behind."""

import contextlib
import csv
import os
import re
import signal

import numpy as np
from process import ROOT, environment, popen

SIZES = {"train": 96, "test": 32}
FLAGS = ["sweep", "--epochs=2", "--hidden_units=4", "--batch_size=32", "--checkpoint_every=2",
         "--name=swept", "--metrics=accuracy", "--probes=batch"]  # fmt: skip
VARY = "--vary=learning_rate=1e-3,1e-2 dropout=0,0.2"


def write_data(folder):
    """A data set of a few images; returns the flag that names it."""
    rng = np.random.default_rng(0)
    arrays = {f"y_{p}": rng.integers(0, 10, n).astype(np.uint8) for p, n in SIZES.items()}
    for part, rows in SIZES.items():
        noise = rng.integers(0, 100, (rows, 28, 28))
        arrays[f"x_{part}"] = (noise + 15 * arrays[f"y_{part}"][:, None, None]).astype(np.uint8)
    np.savez(folder / "data.npz", **arrays)
    return f"--data_dir={folder / 'data.npz'}"


def start(home, folder, *flags, vary=VARY, fresh=False):
    """Starts a sweep in a folder below `home`, where the data are."""
    env = {**environment(home), "PYTHONUNBUFFERED": "1"}
    given = [*FLAGS, vary, f"--data_dir={home / 'data.npz'}", f"--log_dir={home / folder}", *flags]
    return popen(str(ROOT / "train.py"), *given, env=env, fresh=fresh)


def end(process, status=0):
    """What it printed, if it ended with this status."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, out + err
    return out, err


def table(folder):
    """sweep.csv, as it is."""
    return (folder / "swept" / "sweep.csv").read_bytes()


def rows(folder, name="swept"):
    """sweep.csv, a dict a row."""
    with open(folder / name / "sweep.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def trained(*outputs):
    """The trials whose end was told, in order."""
    return re.findall(r"^(trial-\d+-seed-\d+) \(.*\): (?:finished|stopped)", "".join(outputs), re.M)


def kill_all(process):
    """Kills a sweep's process and those that it has started, as a crash of the machine does."""
    for child in children(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    process.kill()
    process.communicate()


def children(pid):
    """The processes that a process has started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
