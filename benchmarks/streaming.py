"""Training on more data than fit in memory, compared with training on data in memory.

    python benchmarks/streaming.py --json streaming.json

Writes a synthetic set of 8-bit images of 28 x 28 pixels to a temporary folder, as npy files and
as TFRecord shards, and removes it afterwards. Each turn is a process of its own. It trains
`mlp_lab.MLP` (784-256-128-64-32-10, batch 128, Adam, XLA) from one of these for one epoch, or in
memory on the first --memory_rows for four epochs. It reports its peak memory, and the rows per
second from the end of its first tenth to its end. Turns alternate; what counts is the ratio within
a round. Before each turn the files are dropped from the system's cache, so that they are read from
disk. Takes ten to twenty minutes on two cores, and twice --gigabytes of disk space.
"""

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

BATCH = 128
FORMS = ("memory", "npy", "shards")
# Epochs of the turns in memory, which have fewer rows.
MEMORY_EPOCHS = 4
# Targets of streaming: peak memory in MB, and rows per second relative to memory.
MOST_MB, LEAST_RATIO = 1500, 0.7


def write(folder: Path, rows: int) -> None:
    """Writes the set: x.npy, y.npy, and shards of the same rows."""
    import numpy as np

    import mlp_lab

    random = np.random.default_rng(0)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (rows, 28, 28))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.uint8, (rows,))
    some = 16384
    for start in range(0, rows, some):
        stop = min(start + some, rows)
        y[start:stop] = random.integers(0, 10, stop - start)
        # Ten classes, each brighter in a band of its own.
        x[start:stop] = random.integers(0, 128, (stop - start, 28, 28))
        x[start:stop].reshape(-1, 784)[:, ::7] += 10 * y[start:stop, None]
    x.flush()
    y.flush()
    chunks = ({"x": x[i : i + some], "y": y[i : i + some]} for i in range(0, rows, some))
    mlp_lab.data.write_shards(folder / "shards", {"train": chunks})


def evict(folder: Path) -> None:
    """Drops the files from the system's cache, where the system allows it."""
    for path in folder.rglob("*"):
        if path.is_file() and hasattr(os, "posix_fadvise"):
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(form: str, folder: Path, memory_mb: int, memory_rows: int) -> dict:
    """In this process: trains; returns rows per second, and memory in MB (of 10^6 bytes)."""
    import keras
    import numpy as np
    from fresh import peak

    import mlp_lab
    from mlp_lab.data import open_rows, open_shards

    class Clock(keras.callbacks.Callback):
        """Notes when each compiled call ended."""

        any_steps_per_execution = True

        def on_train_begin(self, logs=None):
            self.ends, self.before = [], 0

        def on_train_batch_end(self, batch, logs=None):
            self.ends.append((self.before + min(batch + 1, steps), time.perf_counter()))

        def on_epoch_end(self, epoch, logs=None):
            self.before += steps

    model = mlp_lab.MLP(input_scale=1 / 255)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
    )
    libraries = peak()
    if form == "shards":
        part = open_shards(folder / "shards", memory_mb).parts["train"]
        x, y = part["x"], part["y"]
    else:
        x, y = (open_rows(folder / f"{name}.npy", memory_mb) for name in "xy")
    if form == "memory":
        x, y = (np.asarray(rows.part(0, memory_rows)) for rows in (x, y))
    clock, steps = Clock(), -(-len(x) // BATCH)
    epochs = MEMORY_EPOCHS if form == "memory" else 1
    history = model.fit(x, y, BATCH, epochs=epochs, verbose=0, callbacks=[clock])
    begun, began = next(end for end in clock.ends if end[0] >= steps * epochs / 10)
    done, ended = clock.ends[-1]
    return {
        "rows": len(x),
        "rows_per_second": (done - begun) * BATCH / (ended - began),
        "libraries": libraries,
        "peak": peak(),
        "accuracy": history.history["accuracy"][-1],
    }


def in_a_process(what: str, folder: Path, memory_mb: int, rows: int) -> dict:
    """Runs `measure` or `write` in a process of its own."""
    options = [what, str(folder), str(memory_mb), str(rows)]
    # Writing too: the peak memory of a process is at least that of the process that starts it.
    command = [sys.executable, str(HERE / "streaming.py"), "--turn", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"streaming.py: {what} failed\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Reads the options, measures, prints, saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=6.0, help="of the set (of 10^9 bytes)")
    parser.add_argument("--memory_mb", type=int, default=256, help="bound for rows from files")
    parser.add_argument("--memory_rows", type=int, default=600_000, help="of the turns in memory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where the set is made (default: the system's for such)")
    parser.add_argument("--json", help="file for all that was measured")
    parser.add_argument("--turn", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.turn:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        form, folder, memory_mb, rows = chosen.turn
        if form == "write":
            print(json.dumps(write(Path(folder), int(rows))))
        else:
            print(json.dumps(measure(form, Path(folder), int(memory_mb), int(rows))))
        return
    rows = int(chosen.gigabytes * 1e9 / 785)
    needed = 2.2 * chosen.gigabytes * 1e9
    place = chosen.folder or tempfile.gettempdir()
    if shutil.disk_usage(place).free < needed:
        parser.error(f"--folder: {place} has less than {needed / 1e9:.1f} GB free; name another")
    from environment import machine, versions

    record: dict = {"date": str(datetime.date.today()), "versions": versions()}
    record |= {"machine": machine(), "rows": rows, "memory_mb": chosen.memory_mb, "rounds": []}
    with tempfile.TemporaryDirectory(dir=place) as made:
        folder = Path(made)
        print(f"writing {rows:,} rows", file=sys.stderr)
        in_a_process("write", folder, chosen.memory_mb, rows)
        for number in range(chosen.rounds):
            found = {}
            for form in FORMS[number % 3 :] + FORMS[: number % 3]:
                print(f"round {number + 1} of {chosen.rounds}: {form}", file=sys.stderr)
                evict(folder)
                found[form] = in_a_process(form, folder, chosen.memory_mb, chosen.memory_rows)
            record["rounds"].append(found)
    print("| rows come from | rows | rows per second | relative to memory | ", end="")
    print("peak memory, MB | of which libraries, MB |\n|---|---|---|---|---|---|")
    record["targets"] = {}
    for form in FORMS:
        turns = [found[form] for found in record["rounds"]]
        speed = statistics.median(turn["rows_per_second"] for turn in turns)
        ratio = statistics.median(
            found[form]["rows_per_second"] / found["memory"]["rows_per_second"]
            for found in record["rounds"]
        )
        peak = max(turn["peak"] for turn in turns)
        libraries = statistics.median(turn["libraries"] for turn in turns)
        print(f"| {form} | {turns[0]['rows']:,} | {speed:,.0f} | {ratio:.2f} | ", end="")
        print(f"{peak:,.0f} | {libraries:,.0f} |")
        if form != "memory":
            met = peak < MOST_MB and ratio >= LEAST_RATIO
            record["targets"][form] = {"peak": peak, "ratio": ratio, "met": met}
    print(f"\n{record['date']}; {', '.join(f'{p} {v}' for p, v in record['versions'].items())}.")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
