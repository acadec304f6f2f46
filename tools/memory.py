"""What stays in memory after many fits, and after many steps, beside plain Keras.

    python tools/memory.py --fits=600 --steps=100000

Each row is a process of its own, on Linux. It counts after half of the fits or steps, and again at
the end, so that what is made once does not count. TensorFlow keeps something of every function
that it compiles, whoever asks for it. `tests/attacks/memory.py` has limits for these rows.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import datetime
import gc
import json
import os
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

BATCH, BATCHES = 16, 8  # rows of a batch, batches of a fit
EPOCH = 1000  # batches in an epoch of a long fit


@dataclasses.dataclass(frozen=True)
class Row:
    """What one process does.

    Attributes:
      says: its name in the table.
      steps: whether it is one long fit; otherwise many fits.
      keras: whether the model is plain Keras', not the lab's.
      one: whether all fits are of one model.
      callbacks: whether the lab's callbacks look at it.
      data: "arrays", "files", or "batches" of a generator.
      turn: "fit", "predict" (and evaluate), or a fit that "fails".
    """

    says: str
    steps: bool = False
    keras: bool = False
    one: bool = False
    callbacks: bool = False
    data: str = "arrays"
    turn: str = "fit"


ROWS = {
    "keras": Row("plain Keras, new models", keras=True),
    "new": Row("new models"),
    "new-callbacks": Row("new models, with callbacks", callbacks=True),
    "new-failing": Row(
        "new models, with callbacks; an error ends each fit", callbacks=True, turn="fails"
    ),
    "keras-one": Row("plain Keras, one model", keras=True, one=True),
    "one": Row("one model", one=True),
    "one-callbacks": Row("one model, with callbacks", one=True, callbacks=True),
    "one-files": Row("one model, data from a file", one=True, data="files"),
    "keras-predict": Row(
        "plain Keras, `evaluate` and `predict`", keras=True, one=True, turn="predict"
    ),
    "one-predict": Row("one model, `evaluate` and `predict`", one=True, turn="predict"),
    "keras-steps": Row("plain Keras", True, keras=True),
    "steps": Row("arrays", True),
    "steps-callbacks": Row("arrays, with callbacks", True, callbacks=True),
    "steps-batches": Row("batches of a generator, with callbacks", True, callbacks=True,
                         data="batches"),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Count:
    """What a process holds.

    Attributes:
      objects: of Python, those that its garbage collector knows.
      bytes: resident memory, but for that of files.
      threads: of all libraries.
      files: open descriptors.
    """

    objects: int
    bytes: int
    threads: int
    files: int

    @classmethod
    def now(cls) -> "Count":
        """Counts, after freeing what nobody holds."""
        gc.collect()
        gc.collect()  # what the first pass has let go
        ctypes.CDLL(None).malloc_trim(0)
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        kilobytes = next(line.split()[1] for line in status.splitlines() if "RssAnon" in line)
        threads, files = (len(os.listdir(f"/proc/self/{what}")) for what in ("task", "fd"))
        return cls(len(gc.get_objects()), 1024 * int(kilobytes), threads, files)


class _Stop(Exception):
    """Ends a fit that is to fail."""


class _Process:
    """A process that trains small models again and again.

    Args:
      row: what it does.
      folder: for what callbacks write, and for data.
    """

    def __init__(self, row: Row, folder: Path):
        import keras
        import numpy as np

        self._row, self._folder, self._fits = row, folder, 0
        self.models: list[weakref.ref] = []  # all that were made
        random = np.random.default_rng(0)
        rows = BATCH * (EPOCH if row.steps else BATCHES)
        self.y = random.integers(0, 3, rows)
        self.x: Any = random.normal(size=(rows, 8)).astype(np.float32)
        if row.data == "files":
            import mlp_lab

            np.save(folder / "x.npy", self.x)
            self.x = mlp_lab.data.open_rows(folder / "x.npy")
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._kept = self._model() if row.one else None

    def _model(self) -> Any:
        import keras

        import mlp_lab

        if self._row.keras:
            layers = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)]
            model: Any = keras.Sequential(layers)
        else:
            model = mlp_lab.MLP((16,), 3)
        model.compile("adam", self._loss, metrics=["accuracy"])
        self.models.append(weakref.ref(model))
        return model

    def _callbacks(self, *others: Any) -> list[Any]:
        if not self._row.callbacks:
            return list(others)
        from mlp_lab.callbacks import Checkpoints, NonFinite, TensorBoard

        self._fits += 1
        folder = self._folder / str(self._fits)
        every = 500 if self._row.steps else 4
        return [
            NonFinite(),
            TensorBoard(folder, histogram_every=every),
            *others,
            Checkpoints(folder / "checkpoints", every=every, say=lambda line: None),
        ]

    def turn(self) -> None:
        """One fit, or what is done instead."""
        import keras

        model, options = self._kept or self._model(), {"batch_size": BATCH, "verbose": 0}
        if self._row.turn == "predict":
            model.evaluate(self.x, self.y, **options)
            model.predict(self.x, **options)
            return

        def fail(epoch, logs):
            raise _Stop

        others = []
        if self._row.turn == "fails":
            others.append(keras.callbacks.LambdaCallback(on_epoch_end=fail))
        with contextlib.suppress(_Stop):
            model.fit(self.x, self.y, **options, epochs=2, callbacks=self._callbacks(*others))

    def long_fit(self, steps: int) -> list[Count]:
        """A fit of so many steps: counts at its middle and at its end."""
        import keras

        counts, epochs = [], max(2, steps // EPOCH)

        class Counts(keras.callbacks.Callback):
            any_steps_per_execution = True

            def on_epoch_end(self, epoch, logs=None):
                if epoch + 1 in (epochs // 2, epochs):
                    counts.append(Count.now())

        data: dict[str, Any] = {"x": self.x, "y": self.y, "batch_size": BATCH}
        if self._row.data == "batches":
            data = {"x": self._batches(), "steps_per_epoch": EPOCH}
        callbacks = self._callbacks(Counts())
        self._model().fit(**data, epochs=epochs, verbose=0, callbacks=callbacks)
        return counts

    def _batches(self):
        while True:
            for i in range(0, len(self.x), BATCH):
                yield self.x[i : i + BATCH], self.y[i : i + BATCH]


def measure(row: Row, times: int) -> dict[str, float]:
    """In this process: what each fit, or step, has added; and models that are still there."""
    with tempfile.TemporaryDirectory() as folder:
        process = _Process(row, Path(folder))
        if row.steps:
            first, last = process.long_fit(times)
            between = max(2, times // EPOCH) // 2 * EPOCH
        else:
            between = times // 2
            for _ in range(times - between):
                process.turn()
            first = Count.now()
            for _ in range(between):
                process.turn()
            last = Count.now()
        added = {
            name: (getattr(last, name) - getattr(first, name)) / between
            for name in ("objects", "bytes", "threads", "files")
        }
        gc.collect()
        alive = sum(model() is not None for model in process.models)
        return {**added, "models": alive - row.one}


def in_a_process(name: str, times: int) -> dict[str, float]:
    """Runs `measure` in a process of its own.

    Raises:
      RuntimeError: it failed; with what it printed.
    """
    command = [sys.executable, str(Path(__file__).resolve()), f"--row={name}", f"--fits={times}"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{name}: the process failed\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Measures, and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fits", type=int, default=600, help="fits of a row (default: 600)")
    parser.add_argument("--steps", type=int, default=100_000, help="(default: 100,000)")
    parser.add_argument("--only", help=f"rows, comma-separated, of: {', '.join(ROWS)}")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(measure(ROWS[options.row], options.fits)))
        return 0
    only = options.only.split(",") if options.only else list(ROWS)
    if unknown := [name for name in only if name not in ROWS]:
        parser.error(f"--only: unknown {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if options.fits < 2 or options.steps < 2 * EPOCH:
        parser.error(f"expected --fits of at least 2 and --steps of at least {2 * EPOCH}")
    from environment import machine, versions

    for steps, times, unit in ((False, options.fits, "fit"), (True, options.steps, "step")):
        print(
            f"| {times:,} {unit}s | objects a {unit} | bytes a {unit} | threads | files | models |"
        )
        print("|---|---|---|---|---|---|")
        for name in (name for name in only if ROWS[name].steps == steps):
            found = in_a_process(name, times)
            added = [f"{found[what] * (times // 2):+.0f}" for what in ("threads", "files")]
            print(
                f"| {ROWS[name].says} | {found['objects']:,.4g} | {found['bytes']:,.0f} | "
                f"{' | '.join(added)} | {found['models']:+.0f} |",
                flush=True,
            )
        print()
    print(f"{datetime.date.today()}; {versions()}; {machine()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
