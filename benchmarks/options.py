"""What `--deterministic` and saving checkpoints cost.

    python benchmarks/options.py --json options.json

`train.py` trains the Fashion-MNIST network of the tutorial with and without the option, in turns,
each run a process. What counts is the time from the end of the first epoch to the end of the last,
taken from the event files, as a ratio to the run without the option in the same round; the median
is printed. Training waits while a checkpoint is saved: this time is measured in a `fit` of the same
network with the callbacks that every run has. Takes about six minutes on two cores.
"""

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from environment import machine, versions  # noqa: E402

PLAIN = ["--checkpoint_every=0", "--histogram_every=0", "--pictures_every=0"]
HIDDEN, QUICK = (256, 128, 64, 32), (16,)
# Name -> (its name in the table, its flags).
CONTESTANTS = {
    "plain": ("neither probes, pictures nor checkpoints", []),
    "deterministic": ("`--deterministic`", ["--deterministic"]),
}
# The default of train.py: seconds from one checkpoint to the next.
BETWEEN_CHECKPOINTS = 60


def seconds(folder: Path) -> float:
    """Seconds from the end of the first epoch of a run to the end of its last."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (path,) = (folder / "train").glob("events.out.tfevents.*")
    times = [
        event.wall_time
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == "epoch_loss"
    ]
    return times[-1] - times[0]


def train(name: str, folder: Path, epochs: int, flags_of_all: list[str]) -> float:
    """Runs one contestant and returns its seconds per epoch."""
    command = [sys.executable, str(ROOT / "train.py"), f"--log_dir={folder}", f"--name={name}"]
    options = [*PLAIN, *CONTESTANTS[name][1]]
    flags = ["--overwrite", "--verbose=none", f"--epochs={epochs}", *options, *flags_of_all]
    subprocess.run([*command, *flags], cwd=ROOT, check=True, capture_output=True)
    return seconds(folder / name) / (epochs - 1)


def checkpoints(dataset, folder: Path, saves: int, hidden, jit: bool) -> list[float]:
    """Seconds that each checkpoint takes, one per epoch."""
    import keras

    from mlp_lab import MLP, callbacks

    class Timed(callbacks.Checkpoints):
        def save(self):
            before = self.seconds
            super().save()
            times.append(self.seconds - before)

    times: list[float] = []
    model = MLP(hidden, input_scale=1 / 255)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=jit)
    x, y = dataset.x_train, dataset.y_train
    saving = Timed(folder / "checkpoints", every=-(-len(x) // 128), events=folder, say=str)
    others = [callbacks.NonFinite(), callbacks.TensorBoard(folder)]
    model.fit(x, y, 128, epochs=saves, verbose=0, callbacks=[*others, saving])
    return times[1:]  # not the one before the first step


def main() -> int:
    """Measures, prints, and saves."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, help="runs of each contestant (default: 7)")
    parser.add_argument("--epochs", type=int, help="of each run, at least 2 (default: 20)")
    parser.add_argument("--data_dir", help="folder of the data set (default: as train.py)")
    quick = "a trial: the sample, a small network, 1 round, no XLA"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", help="file for all that was measured")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 7)
    epochs = options.epochs or (3 if options.quick else 20)
    hidden = QUICK if options.quick else HIDDEN
    flags = [f"--hidden_units={','.join(map(str, hidden))}"]
    flags.append("--nojit_compile" if options.quick else "--jit_compile")
    if options.data_dir:
        flags.append(f"--data_dir={options.data_dir}")
    elif options.quick:
        flags.append("--data_source=sample")

    from mlp_lab import data

    kind = "sample" if options.quick else "auto"
    dataset = data.load("fashion_mnist", kind, options.data_dir)
    rows = len(dataset.x_train)
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory() as folder:
        for r in range(rounds):
            print(f"round {r + 1} of {rounds}", file=sys.stderr)
            shift = r % len(CONTESTANTS)
            for name in [*CONTESTANTS][shift:] + [*CONTESTANTS][:shift]:
                times[name].append(train(name, Path(folder), epochs, flags))
        saves = checkpoints(dataset, Path(folder), epochs, hidden, not options.quick)

    print(f"Seconds per epoch of {rows:,} rows, {rounds} runs of {epochs} epochs\n")
    print("| run | median s | min s | ratio to plain |\n|---|---|---|---|")
    results = {}
    for name, (says, _) in CONTESTANTS.items():
        pairs = zip(times[name], times["plain"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        median = statistics.median(times[name])
        results[name] = {"seconds": times[name], "median": median, "ratio": ratio}
        print(f"| {says} | {median:.3f} | {min(times[name]):.3f} | {ratio:.3f} |")
    save, most = statistics.median(saves), max(saves)
    share = save / BETWEEN_CHECKPOINTS
    print(
        f"\nA checkpoint takes {1000 * save:.0f} ms, at most {1000 * most:.0f} ms: {share:.2%} of "
        "a run that saves once a minute."
    )
    now = str(datetime.date.today())
    print(
        f"\n{now}; {machine()['cpus']} processors; "
        + ", ".join(f"{name} {version}" for name, version in versions().items())
        + "."
    )
    if options.json:
        found = {
            "results": results,
            "seconds_of_checkpoints": saves,
            "share": share,
            "rows": rows,
            "rounds": rounds,
            "epochs": epochs,
            "date": now,
            "versions": versions(),
            "machine": machine(),
        }
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
